import { expect, it } from 'vitest';
import { Counters } from '../../common/runtime/counters.js';
import { RouteStats } from './route-stats.js';

it('counts answers by status, class and sum, below virtual host and prefix', () => {
  const counters = new Counters();
  const stats = new RouteStats('shop:80', 'front', counters.get);
  stats.total.increment();
  stats.answered(404);
  // Another configuration of the same name goes on counting.
  new RouteStats('shop:80', 'front', counters.get).answered(404);
  const counted = [...counters.entries()].filter(([, { value }]) => value > 0);
  expect(counted.map(([name, { value }]) => [name, value])).toEqual([
    ['vhost.shop:80.route.front.upstream_rq_total', 1],
    ['vhost.shop:80.route.front.upstream_rq_404', 2],
    ['vhost.shop:80.route.front.upstream_rq_4xx', 2],
    ['vhost.shop:80.route.front.upstream_rq_completed', 2],
  ]);
});
