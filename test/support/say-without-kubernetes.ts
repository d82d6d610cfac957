import { skipWithoutKubernetes, skipWithoutOwnApiServer, whyNoKubernetes } from './kubernetes.js';

/** Vitest's global setup: tests that are skipped get one line for all of them. */
export default function sayWhatIsSkipped(): void {
  if (skipWithoutKubernetes()) process.stderr.write(`skipped: ${whyNoKubernetes()}\n`);
  else if (skipWithoutOwnApiServer())
    process.stderr.write(
      'some are skipped: KUBEBUILDER_ASSETS is not set, and a borrowed API server is not restarted\n',
    );
}
