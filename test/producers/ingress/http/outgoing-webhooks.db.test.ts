import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { finishCalls, takeCalls } from '../../../../shared/db/webhook-calls.ts';
import { useDatabase } from '../../../shared/db/tables.ts';
import { keysOf, testIngress, withKey, type TestIngress } from './ingress.ts';

const database = useDatabase();
let ingress: TestIngress;
beforeAll(async () => {
  ingress = await testIngress({ pool: database.pool, keys: keysOf('acme') });
});
afterAll(() => ingress.app.close());

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';
const ask = async (method: Method, path = '', payload?: object) => {
  const url = `/v1/webhooks${path}`;
  const answer = await ingress.app.inject({ method, url, headers: withKey, ...(payload && { payload }) });
  const body = answer.body === '' ? {} : answer.json<Record<string, unknown>>();
  return { status: answer.statusCode, body, text: answer.body };
};
const url = 'https://hooks.acme.example/mail';
const make = async (more: object = {}) => {
  const { body } = await ask('POST', '', { url, ...more });
  return { id: String(body['id']), secret: String(body['secret']) };
};

describe('/v1/webhooks', () => {
  it('shows a secret once, and keeps it sealed', async () => {
    const made = await ask('POST', '', { url, description: 'Shop' });
    expect(made).toMatchObject({ status: 201, body: { url, description: 'Shop', enabled: true, batched: false } });
    const { secret, ...shown } = made.body as Record<string, string>;
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(shown['events']).toHaveLength(9);
    const found = await ask('GET', `/${shown['id'] ?? ''}`);
    expect(found.body).toEqual(shown);
    const { rows } = await database.pool.query<{ row: string }>('select e::text as row from webhook_endpoints e');
    for (const text of [found.text, (await ask('GET')).text, rows[0]?.row])
      expect(text).not.toContain(secret?.slice(6));
  });

  it.each([
    ...['http://hooks.acme.example/', 'https://u:p@acme.example/', 'https://127.0.0.1/', 'https://2130706433/'],
    ...['https://[::ffff:10.0.0.1]/', 'https://localhost/', 'nonsense'],
  ])('refuses %s, and says which field is wrong', async (bad) => {
    const { id } = await make();
    for (const answer of [await ask('POST', '', { url: bad }), await ask('PATCH', `/${id}`, { url: bad })]) {
      expect(answer).toMatchObject({ status: 422, body: { errors: [{ pointer: '/url' }] } });
    }
  });

  it('refuses what is no event, what nobody asked for, and the fifty-first', async () => {
    expect((await ask('POST', '', { url, events: ['queued'] })).status).toBe(422);
    expect((await ask('POST', '', { url, accountId: 'globex' })).status).toBe(400);
    for (let index = 0; index < 50; index += 1) await make();
    expect((await ask('POST', '', { url })).status).toBe(422);
  });

  it('changes, disables and enables, and deletes', async () => {
    const { id } = await make({ events: ['bounced', 'bounced'] });
    const changed = await ask('PATCH', `/${id}`, { batched: true, events: ['delivered'], enabled: false });
    expect(changed.body).toMatchObject({
      ...{ batched: true, events: ['delivered'], enabled: false, disabledReason: 'By the account.' },
    });
    expect((await ask('PATCH', `/${id}`, { enabled: true })).body).toMatchObject({ enabled: true, disabledAt: null });
    expect((await ask('DELETE', `/${id}`)).status).toBe(204);
    expect([(await ask('GET', `/${id}`)).status, (await ask('DELETE', `/${id}`)).status]).toEqual([404, 404]);
  });

  it('rotates its secret: another one, and the time until when the old one signs too', async () => {
    const { id, secret } = await make();
    const rotated = (await ask('POST', `/${id}/rotate`)).body as Record<string, string>;
    expect(rotated['secret']).toMatch(/^whsec_/);
    expect(rotated['secret']).not.toBe(secret);
    const hours = (Date.parse(rotated['oldSecretUntil'] ?? '') - Date.now()) / 3_600_000;
    expect(Math.round(hours)).toBe(24);
  });

  it('makes a test call, shows the log in pages, and replays', async () => {
    const { id } = await make();
    const { callId } = (await ask('POST', `/${id}/test`)).body as { callId: string };
    const [taken] = await takeCalls(database.pool, { perEndpoint: 8, inAll: 8 }, new Map());
    expect(taken).toMatchObject({ id: callId, url, type: 'test' });
    const attempt = { at: '2026-01-01T00:00:00.000Z', status: 500, ms: 12, error: null, answer: 'broken' };
    await finishCalls(database.pool, [{ id: callId, token: taken?.token ?? '', state: 'failed', waitMs: 0, attempt }]);
    expect((await ask('GET', `/${id}/calls?state=failed`)).body).toEqual({
      data: [
        {
          ...{ id: callId, webhookId: callId, type: 'test', messageIds: [], state: 'failed', nextAt: null },
          ...{ attempts: [attempt], createdAt: expect.any(String) },
        },
      ],
      hasMore: false,
    });
    await ask('POST', `/${id}/test`);
    const first = (await ask('GET', `/${id}/calls?limit=1`)).body as { data: { id: string }[]; hasMore: boolean };
    expect(first.hasMore).toBe(true);
    expect((await ask('GET', `/${id}/calls?after=${first.data[0]?.id ?? ''}`)).body).toMatchObject({
      data: [{ id: callId }],
    });
    const since = new Date(Date.now() - 60_000).toISOString();
    expect(await ask('POST', `/${id}/replay`, { since })).toMatchObject({ status: 202, body: { replayed: 1 } });
    // Postgres knows no such offset, and keeps no such year.
    expect((await ask('POST', `/${id}/replay`, { since: '2026-08-06T16:08:28.299-20:53' })).status).toBe(202);
    expect((await ask('POST', `/${id}/replay`, { since: '0078-08-06T16:08:28Z' })).status).toBe(422);
    expect((await ask('POST', `/${id}/calls/${callId}/replay`)).status).toBe(202);
    expect((await ask('POST', `/${id}/calls/call_nobody/replay`)).status).toBe(404);
    expect((await ask('GET', `/${id}/calls`)).body).toMatchObject({ data: [{ state: 'due' }, { state: 'due' }] });
  });

  it('without JWT_SECRET cannot sign, and says so', async () => {
    const bare = await testIngress({
      ...{ pool: database.pool, keys: keysOf('acme'), outgoing: { secretKey: undefined, allowPrivate: false } },
    });
    const answer = await bare.app.inject({ method: 'POST', url: '/v1/webhooks', headers: withKey, payload: { url } });
    await bare.app.close();
    expect([answer.statusCode, answer.body]).toEqual([422, expect.stringContaining('JWT_SECRET')]);
  });
});
