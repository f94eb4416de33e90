import { answerWithin } from '../runtime/answer-within.ts';
import { InfrastructureError } from '../errors.ts';
import type { Database } from './connect.ts';

const lookEveryMs = 2_000;
const answersWithinMs = 2_000;

/** Tells again and again whether Postgres answers, until it is closed. */
export const watchPostgres = (db: Database, onState: (isThere: boolean) => void): { readonly close: () => void } => {
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;
  const look = async (): Promise<void> => {
    let isThere = false;
    try {
      isThere = (await answerWithin(db.query('select 1'), answersWithinMs)) !== undefined;
    } catch (error) {
      if (!(error instanceof InfrastructureError)) throw error;
    }
    if (isClosed) return;
    onState(isThere);
    timer = setTimeout(() => void look(), lookEveryMs);
  };
  void look();
  return {
    close: () => {
      isClosed = true;
      clearTimeout(timer);
    },
  };
};
