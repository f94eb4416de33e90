/** One program of the fleet, and how it is started: `node dist/<entry>.js <args>`. */
export interface FleetProcess {
  readonly name: string;
  readonly entry: string;
  readonly args: readonly string[];
  /** A consumer may run in several copies, a ticker only once; the others are what consumers talk to. */
  readonly kind: 'ingress' | 'consumer' | 'ticker' | 'simulator';
}

/** Every process of the fleet: the only list of them. */
export const processes: readonly FleetProcess[] = [
  { name: 'simulator', entry: 'simulator/main', args: [], kind: 'simulator' },
  { name: 'ingress', entry: 'producers/ingress/main', args: [], kind: 'ingress' },
  { name: 'email-send', entry: 'consumers/email-send/main', args: ['email-send'], kind: 'consumer' },
  { name: 'email-send-bulk', entry: 'consumers/email-send/main', args: ['email-send-bulk'], kind: 'consumer' },
  { name: 'email-send-otp', entry: 'consumers/email-send/main', args: ['email-send-otp'], kind: 'consumer' },
  { name: 'webhook-sendgrid', entry: 'consumers/webhooks/main', args: ['webhook-sendgrid'], kind: 'consumer' },
  { name: 'webhook-postmark', entry: 'consumers/webhooks/main', args: ['webhook-postmark'], kind: 'consumer' },
  { name: 'webhook-sparkpost', entry: 'consumers/webhooks/main', args: ['webhook-sparkpost'], kind: 'consumer' },
  { name: 'webhook-socketlabs', entry: 'consumers/webhooks/main', args: ['webhook-socketlabs'], kind: 'consumer' },
  { name: 'webhook-ses', entry: 'consumers/webhooks/main', args: ['webhook-ses'], kind: 'consumer' },
  { name: 'delivery-events', entry: 'consumers/delivery-events/main', args: [], kind: 'consumer' },
  { name: 'esp-weights', entry: 'consumers/esp-weights/main', args: [], kind: 'ticker' },
  { name: 'scheduler', entry: 'consumers/scheduler/main', args: [], kind: 'ticker' },
  { name: 'webhook-out', entry: 'consumers/webhook-out/main', args: [], kind: 'consumer' },
  { name: 'tasks', entry: 'consumers/tasks/main', args: [], kind: 'consumer' },
  { name: 'dead-letters', entry: 'consumers/dead-letters/main', args: [], kind: 'consumer' },
];

/** A process with the name it has when several copies run, and the port of its admin server. */
export interface PlacedProcess extends FleetProcess {
  readonly adminPort: number;
}

/** What is to run: the wanted processes, consumers in `copies`, each with an admin port counted up from `adminPort`. */
export const placeProcesses = (
  wanted: readonly FleetProcess[],
  options: { readonly copies: number; readonly adminPort: number },
): readonly PlacedProcess[] =>
  wanted
    .flatMap((process) => {
      const copies = process.kind === 'consumer' ? options.copies : 1;
      return Array.from({ length: copies }, (_, index) =>
        index === 0 ? process : { ...process, name: `${process.name}-copy-${index + 1}` },
      );
    })
    .map((process, index) => ({ ...process, adminPort: options.adminPort + index }));
