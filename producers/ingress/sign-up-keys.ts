// Keys of the tasks seed's clients: signed tokens that count only while their row is alive, and the links by which a mailbox
// says that a key is its own.
import { createSecretKey, type KeyObject } from 'node:crypto';
import { jwtVerify, SignJWT } from 'jose';
import { LRUCache } from 'lru-cache';
import { findSignUp } from '../../shared/db/sign-ups.ts';
import type { Database } from '../../shared/db/connect.ts';
import { limitsOf } from '../../shared/domain/account.ts';
import { deriveKey } from '../../shared/domain/derived-key.ts';
import type { Caller } from './check-key.ts';
import { Refusal } from './refusal.ts';

/** The key is good, but its mailbox has not confirmed it. */
export class KeyPending extends Refusal {
  constructor() {
    super('not-allowed', 'The key works once its mailbox or an administrator has confirmed it.');
  }
}

export type LinkPurpose = 'confirm' | 'deregister';

export interface SignUpKeys {
  /** A new key of an id. */
  make(id: string, keyId: string): Promise<string>;
  /** Whose key it is, whether it works or is pending; undefined for anything that is no living key of ours. */
  read(token: string): Promise<{ readonly id: string; readonly keyId: string; readonly isActive: boolean } | undefined>;
  /** The caller behind a living key. Throws `KeyPending`. */
  check(token: string): Promise<Caller | undefined>;
  makeLink(purpose: LinkPurpose, id: string, keyId: string): Promise<string>;
  readLink(
    token: string,
  ): Promise<{ readonly purpose: LinkPurpose; readonly id: string; readonly keyId: string } | undefined>;
  /** What was known of a key is asked for again. */
  forget(keyId: string): void;
}

const algorithm = 'HS256';
const issuer = 'mailfleet';
const audience = 'mailfleet-tasks';
const keyType = 'JWT';
const linkType = 'link+jwt';
const keyLife = '365d';
const linkLife = '24h';
// The longest that a key goes on after it was ended elsewhere.
const freshMs = 4_000;

const purposes: readonly LinkPurpose[] = ['confirm', 'deregister'];

/** Whether a text has the form of a token; keys of accounts have no dots. */
export const looksLikeToken = (text: string): boolean => /^[\w-]+\.[\w-]*\.[\w-]*$/.test(text);

/** Keys and links signed with keys of their own, derived from the fleet's secret. */
export const createSignUpKeys = (deps: {
  readonly secret: string;
  readonly pool: Database;
  readonly now: () => number;
}): SignUpKeys => {
  const key = createSecretKey(deriveKey(deps.secret, 'task queue keys'));
  const linkKey = createSecretKey(deriveKey(deps.secret, 'task queue links'));
  const known = new LRUCache<string, { readonly at: number; readonly found: Awaited<ReturnType<typeof findSignUp>> }>({
    max: 10_000,
  });

  const sign = (typ: string, signingKey: KeyObject, life: string, claims: object, id: string, keyId: string) =>
    new SignJWT({ ...claims })
      .setProtectedHeader({ alg: algorithm, typ })
      .setSubject(id)
      .setJti(keyId)
      .setIssuer(issuer)
      .setAudience(audience)
      .setIssuedAt()
      .setExpirationTime(life)
      .sign(signingKey);

  const verify = async (token: string, typ: string, verifyingKey: KeyObject) => {
    try {
      const { payload } = await jwtVerify(token, verifyingKey, {
        algorithms: [algorithm],
        issuer,
        audience,
        typ,
        requiredClaims: ['sub', 'jti', 'exp'],
        currentDate: new Date(deps.now()),
      });
      const { sub, jti, purpose } = payload;
      return sub === undefined || jti === undefined ? undefined : { id: sub, keyId: jti, purpose };
    } catch {
      // Whatever is wrong with it: it is none of ours.
      return undefined;
    }
  };

  const find = async (keyId: string) => {
    const entry = known.get(keyId);
    if (entry !== undefined && deps.now() - entry.at < freshMs) return entry.found;
    const at = deps.now();
    const found = await findSignUp(deps.pool, keyId);
    known.set(keyId, { at, found });
    return found;
  };

  const living = async (token: string) => {
    const claims = await verify(token, keyType, key);
    const found = claims && (await find(claims.keyId));
    return found?.id === claims?.id ? found : undefined;
  };

  return {
    make: (id, keyId) => sign(keyType, key, keyLife, {}, id, keyId),
    read: async (token) => {
      const found = await living(token);
      return found && { id: found.id, keyId: found.keyId, isActive: found.state === 'active' };
    },
    check: async (token) => {
      const found = await living(token);
      if (found === undefined) return undefined;
      if (found.state !== 'active') throw new KeyPending();
      const { accountId, keyId, senderDomains } = found;
      return { accountId, keyId, scopes: ['send', 'read'], senderDomains, limits: limitsOf({}) };
    },
    makeLink: (purpose, id, keyId) => sign(linkType, linkKey, linkLife, { purpose }, id, keyId),
    readLink: async (token) => {
      const claims = await verify(token, linkType, linkKey);
      const purpose = purposes.find((name) => name === claims?.purpose);
      return claims && purpose && { purpose, id: claims.id, keyId: claims.keyId };
    },
    forget: (keyId) => {
      known.delete(keyId);
    },
  };
};
