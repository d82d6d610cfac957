import type { WorkloadEntrySpec } from '../kinds/workload-entry.js';
import { object } from '../schema/object.js';
import { childPath } from '../schema/path.js';
import type { Report } from '../schema/report.js';
import { port, string, uint32 } from '../schema/scalars.js';
import { map, type Schema } from '../schema/schema.js';
import { accountName, text } from './shared.js';

const PORT_NAME = /^[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?$/;

/** The fields of a WorkloadEntry. */
export const workloadEntryFields = {
  address: string({ max: 256 }),
  ports: map(port, {
    max: 128,
    key(name, path, report) {
      if (name.length >= 63 || !PORT_NAME.test(name)) {
        report.error(path, `"${name}" is no port name: letters, digits and "-", fewer than 63`);
      }
    },
  }),
  labels: map(text, { max: 256 }),
  network: string({ max: 2_048 }),
  locality: string({ max: 2_048 }),
  weight: uint32,
  serviceAccount: accountName,
};

/** WorkloadEntry (networking.istio.io), also as an endpoint of a ServiceEntry. */
export const workloadEntry: Schema<WorkloadEntrySpec> = object<WorkloadEntrySpec>(workloadEntryFields, {
  check: checkAddress,
});

function checkAddress(spec: WorkloadEntrySpec, path: string, report: Report): void {
  const address = spec.address ?? '';
  const at = childPath(path, 'address');
  if (address === '' && (spec.network ?? '') === '') report.error(at, 'is required');
  if (!address.startsWith('unix://')) return;
  if (!/^unix:\/\/[/@]/.test(address))
    report.error(at, `must be an absolute path or an abstract socket, got "${address}"`);
  if (address.endsWith('/')) report.error(at, `must not be a directory, got "${address}"`);
  if (spec.ports !== undefined) report.error(childPath(path, 'ports'), 'must not be set for a Unix socket');
}
