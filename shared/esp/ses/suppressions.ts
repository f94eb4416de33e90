import { InfrastructureError } from '../../errors.ts';
import type { ListSuppressions } from '../esp.ts';

/** The account-level list of one SES account in one region (ListSuppressedDestinations). */
export const sesSuppressions = (settings: {
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly baseUrl?: string | undefined;
}): ListSuppressions =>
  async function* (since) {
    const { region, accessKeyId, secretAccessKey, baseUrl } = settings;
    const sdk = await import('@aws-sdk/client-sesv2');
    const client = new sdk.SESv2Client({
      region,
      credentials: { accessKeyId, secretAccessKey },
      maxAttempts: 1,
      ...(baseUrl === undefined ? {} : { endpoint: baseUrl.replace(/\/+$/, '') }),
    });
    try {
      let token: string | undefined;
      do {
        const found = await client
          .send(
            new sdk.ListSuppressedDestinationsCommand({
              PageSize: 1_000,
              ...(since === undefined ? {} : { StartDate: since }),
              ...(token === undefined ? {} : { NextToken: token }),
            }),
            { abortSignal: AbortSignal.timeout(30_000) },
          )
          .catch((error: unknown) => {
            throw new InfrastructureError('esp-list', error instanceof Error ? error.name : 'It did not answer.');
          });
        yield (found.SuppressedDestinationSummaries ?? []).flatMap(({ EmailAddress: email, Reason: reason }) =>
          email === undefined
            ? []
            : [{ email, reason: reason === 'COMPLAINT' ? ('complaint' as const) : ('hard-bounce' as const) }],
        );
        token = found.NextToken;
      } while (token !== undefined);
    } finally {
      client.destroy();
    }
  };
