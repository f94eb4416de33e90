// The import rules of the architecture; each name is the rule, each comment its reason. All are errors.
const pureLibraries = '^(croner|d3-random|tldts|nodemailer/lib/addressparser|uuid)';
const rule = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });

module.exports = {
  forbidden: [
    rule('no-cycles', 'a cycle has no first file to read', {}, { circular: true }),
    rule(
      'no-orphans',
      'a file nobody reaches is dead',
      { orphan: true, pathNot: '(^test/|\\.d\\.ts$|\\.config\\.|main\\.ts$|\\.(mjs|cjs)$)' },
      {},
    ),
    rule(
      'consumers-apart',
      'a topic is the only road between consumers',
      { path: '^consumers/([^/]+)/' },
      { path: '^consumers/', pathNot: '^consumers/$1/' },
    ),
    rule(
      'consumers-not-producers',
      'a topic is the only road',
      { path: '^consumers/' },
      { path: '^(producers|simulator|fleet|bench)/' },
    ),
    rule(
      'producers-not-consumers',
      'a topic is the only road',
      { path: '^producers/' },
      { path: '^(consumers|simulator|fleet|bench)/' },
    ),
    rule(
      'shared-is-lowest',
      'shared knows none of its users',
      { path: '^shared/' },
      { path: '^(consumers|producers|simulator|fleet|bench|migrations|cli)/' },
    ),
    rule(
      'cli-by-the-api',
      'the command line knows the fleet by its API, as everybody does',
      { path: '^cli/' },
      { path: '^(producers|consumers|simulator|fleet|bench|migrations|shared/(?!contracts/|config/|errors))' },
    ),
    rule(
      'nothing-imports-tests',
      'tests stand on the product, never under it',
      { pathNot: '^test/' },
      { path: '^test/' },
    ),
    rule(
      'simulator-apart',
      'the simulator stands for foreign services: it must not share our adapters',
      { path: '^simulator/' },
      {
        path: '^(producers|consumers|fleet|bench|shared/(?!contracts/|config/|runtime/(process|log|health|metrics)\\.ts))',
      },
    ),
    rule(
      'pure-files-of-consumers',
      'main wires, consumer and ticker act, every other file is pure',
      { path: '^consumers/[^/]+/(?!main|consumer|ticker|tickers)[^/]+\\.ts$' },
      { path: '^(shared/(db|runtime|config)/|shared/esp/(?!esp\\.ts)|node_modules/)', pathNot: pureLibraries },
    ),
    rule(
      'pure-files-no-node',
      'a pure file does no I/O',
      { path: '^consumers/[^/]+/(?!main|consumer|ticker|tickers)[^/]+\\.ts$' },
      { dependencyTypes: ['core'], pathNot: '^(node:)?(url|crypto)$' },
    ),
    rule(
      'contracts-only-zod',
      'contracts are schemas',
      { path: '^shared/contracts/' },
      { pathNot: '^(shared/contracts/|node_modules/zod/)' },
    ),
    rule(
      'domain-is-pure',
      'domain knows contracts and pure libraries',
      { path: '^shared/domain/' },
      {
        path: '^(shared/(?!domain/|contracts/|errors)|node_modules/)',
        pathNot: '^node_modules/(tldts|croner|d3-random|nodemailer|ipaddr\\.js)',
      },
    ),
    rule(
      'domain-no-io',
      'domain does no I/O',
      { path: '^shared/domain/' },
      { dependencyTypes: ['core'], pathNot: '^(node:)?(url|crypto)$' },
    ),
    rule(
      'kafkajs-contained',
      'a second Kafka client must be one file',
      {
        path: '^(shared|consumers|producers|simulator)/',
        pathNot: '^shared/runtime/(kafka|topics|publisher|run-consumer|compression)\\.ts$',
      },
      { path: 'node_modules/(kafkajs|kafkajs-snappy|lz4-napi|@bokuweb)' },
    ),
    rule(
      'database-contained',
      'SQL lives in one place',
      { path: '^(shared|consumers|producers|simulator)/', pathNot: '^shared/db/' },
      { path: 'node_modules/(pg|drizzle-orm|pg-copy-streams)/' },
    ),
    rule(
      'esp-sdk-contained',
      "an ESP's SDK is known to its send.ts alone",
      // SendGrid's own client is what its drop-in is tried with.
      { pathNot: '^(shared/esp/[^/]+/(send|suppressions)|test/producers/ingress/http/sendgrid\\.test)\\.ts$' },
      { path: 'node_modules/(@sendgrid|postmark|sparkpost|@socketlabs|@aws-sdk)/' },
    ),
    rule(
      'telemetry-contained',
      'pino and prom-client are behind our own log and metrics',
      { path: '^(shared|consumers|producers|simulator)/', pathNot: '^shared/runtime/' },
      { path: 'node_modules/(pino|prom-client)/' },
    ),
    rule(
      'http-contained',
      'a server belongs to the ingress',
      { path: '^(shared|consumers|producers)/', pathNot: '^producers/ingress/' },
      { path: 'node_modules/(fastify|@fastify|fastify-type-provider-zod|@grpc)/' },
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|node_modules/\\.cache)' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.mjs', '.cjs', '.json'],
    },
  },
};
