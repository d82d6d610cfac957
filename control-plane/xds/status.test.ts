import { expect, it } from 'vitest';
import { TYPE } from '../../common/xds/type-urls.js';
import { typeStatus } from './status.js';
import { Watch } from './watch.js';

it('knows what a proxy kept from before it connected again', () => {
  const watch = new Watch(TYPE.cluster);
  expect(typeStatus(watch, false).status).toBe('NOT SENT');
  watch.hold({ 'outbound|80||reviews': 'v1' });
  expect(typeStatus(watch, false).status).toBe('SYNCED');
  expect(typeStatus(watch, true).status).toBe('STALE');
});
