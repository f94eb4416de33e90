import { prepareStores } from '../prepare-stores.ts';
import { readEnvironment } from '../settings.ts';

// What a deployment runs before its processes: migrations and topics.
console.log(await prepareStores(readEnvironment()));
