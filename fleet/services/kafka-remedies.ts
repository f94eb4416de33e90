export type PackageManager = 'apt' | 'dnf' | 'brew' | 'none';

const javaCommand: Readonly<Record<PackageManager, string>> = {
  apt: 'sudo apt-get install -y openjdk-17-jre-headless maven',
  dnf: 'sudo dnf install -y java-21-openjdk-headless maven',
  brew: 'brew install openjdk@21 maven',
  none: 'install Java 17 or newer and Apache Maven, so that java and mvn are on the PATH',
};
const dockerCommand: Readonly<Record<PackageManager, string>> = {
  apt: 'sudo apt-get install -y docker.io docker-compose-v2 && sudo systemctl start docker',
  dnf: 'sudo dnf install -y moby-engine docker-compose && sudo systemctl start docker',
  brew: 'brew install --cask docker && open -a Docker',
  none: 'install Docker with its compose plugin, and start it',
};

/** What to do when there is no Kafka and nothing to run one with: three ways, as commands for this platform. */
export const kafkaRemedies = (
  packageManager: PackageManager,
): string => `There is no Kafka to use, and nothing here to run one with. Any one of these will do:

  1. Java and Maven, which run a local Kafka:
       ${javaCommand[packageManager]}
  2. Docker, which runs one in a container:
       ${dockerCommand[packageManager]}
  3. a Kafka that you have:
       KAFKA_BROKERS=host:9092 npm start
`;

/** The package manager whose program is there; the first on a machine with several. */
export const choosePackageManager = (isThere: (program: string) => boolean): PackageManager => {
  if (isThere('apt-get')) return 'apt';
  if (isThere('dnf')) return 'dnf';
  return isThere('brew') ? 'brew' : 'none';
};
