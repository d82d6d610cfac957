import { messageOf } from '../../common/runtime/errors.js';
import { type Answer, COMMANDS } from '../admin/commands.js';
import type { AdminSources } from '../admin/sources.js';

/** Of the admin port, what a control plane may ask: nothing that changes anything, and no keys. */
const ALLOWED = new Set([
  '/certs',
  '/clusters',
  '/config_dump',
  '/listeners',
  '/ready',
  '/server_info',
  '/stats',
  '/stats/prometheus',
]);
const ALLOWED_BELOW = '/weft/';

/** Answers a GET of the admin port, by the same code; never rejects. `path` has its query. */
export async function answerQuestion(path: string, sources: AdminSources): Promise<Answer> {
  const [name = '', query = ''] = path.split('?', 2);
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  const allowed = ALLOWED.has(name) || name.startsWith(ALLOWED_BELOW);
  if (command === undefined || command.mutates === true || !allowed) {
    return { status: 404, type: 'text', body: `there is nothing to ask at ${name}\n` };
  }
  try {
    return await command.run(sources, new URLSearchParams(query));
  } catch (error) {
    return { status: 500, type: 'text', body: `${messageOf(error)}\n` };
  }
}
