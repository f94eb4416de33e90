import type { EmailRequest } from '../../shared/contracts/email.ts';
import type { Pool } from '../../shared/db/connect.ts';
import { checkEmailRequest } from '../../shared/domain/check-email-request.ts';
import { parseAddress } from '../../shared/domain/email-address.ts';
import { senderFault } from '../../shared/domain/sender-domain.ts';
import { InvalidMessageError } from '../../shared/errors.ts';
import type { Esp } from '../../shared/esp/esp.ts';
import { compileContent } from '../../shared/render/compile-content.ts';
import type { Caller } from './check-key.ts';
import { checkStoredParts } from './check-template.ts';
import { invalid } from './refusal.ts';

// So many evaluations in one go; others are served in between.
const perTurn = 50;
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

// Whether the templates can be parsed; with strictVariables also whether every recipient has every variable.
const checkTemplates = async (request: EmailRequest): Promise<void> => {
  const strictVariables = request.strictVariables === true;
  for (const field of ['subject', 'text', 'html'] as const) {
    if (request[field] === undefined) continue;
    let at = `/${field}`;
    try {
      const compiled = compileContent({ subject: '', [field]: request[field] }, { strictVariables });
      if (!strictVariables) continue;
      for (const [index, recipient] of request.recipients.entries()) {
        if (index % perTurn === perTurn - 1) await nextTurn();
        at = `/recipients/${index}/substitutions`;
        compiled.valuesFor({ ...request.data, ...recipient.substitutions });
      }
    } catch (error) {
      if (!(error instanceof InvalidMessageError)) throw error;
      throw invalid([{ pointer: error.code === 'slow-template' ? `/${field}` : at, detail: error.message }]);
    }
  }
};

/** What the rules are asked of. */
export interface CheckingDoor {
  readonly pool: Pool;
  readonly esps: readonly Pick<Esp, 'name'>[];
  /** Signs links to unsubscribe; undefined where the fleet has no secret: then no mail can name a list. */
  readonly unsubscribeKey: Buffer | undefined;
}

/**
 * The rules that a request must keep beyond its shape: addresses, headers, the caller's sender domains, ESPs that are
 * configured, templates that are there and can be filled. Throws the refusal `invalid` with every fault, or `not-found`.
 */
export const checkRequest = async (
  request: EmailRequest,
  caller: Pick<Caller, 'accountId' | 'senderDomains'>,
  door: CheckingDoor,
): Promise<void> => {
  const configuredEsps = door.esps.map(({ name }) => name);
  const faults = checkEmailRequest(request);
  const sender = senderFault(caller.senderDomains, parseAddress(request.from)?.domain);
  if (sender !== undefined) faults.push({ pointer: '/from', detail: sender.detail });
  request.esps?.forEach((esp, index) => {
    if (!configuredEsps.includes(esp))
      faults.push({ pointer: `/esps/${index}`, detail: `is not configured; there are: ${configuredEsps.join(', ')}` });
  });
  const parts = await checkStoredParts(door.pool, caller.accountId, request, door.unsubscribeKey !== undefined);
  faults.push(...parts.faults);
  if (faults.length > 0) throw invalid(faults);
  await checkTemplates({ ...request, ...parts.texts });
};
