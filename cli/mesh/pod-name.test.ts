import { expect, it } from 'vitest';
import { labelSelector, parsePodName } from './pod-name.js';

it.each([
  ['reviews-v1-x', { name: 'reviews-v1-x', namespace: 'here' }],
  ['reviews-v1-x.bookinfo', { name: 'reviews-v1-x', namespace: 'bookinfo' }],
  ['web.v2.bookinfo', { name: 'web.v2', namespace: 'bookinfo' }],
  ['bookinfo/reviews-v1-x', { name: 'reviews-v1-x', namespace: 'bookinfo' }],
  ['pod/reviews-v1-x', { name: 'reviews-v1-x', namespace: 'here' }],
  ['deploy/reviews-v1', { controller: 'deployments', name: 'reviews-v1', namespace: 'here' }],
  ['Deployment/reviews-v1.bookinfo', { controller: 'deployments', name: 'reviews-v1', namespace: 'bookinfo' }],
  ['sts/db', { controller: 'statefulsets', name: 'db', namespace: 'here' }],
])('%s', (text, wanted) => {
  expect(parsePodName(text, 'here')).toEqual(wanted);
});

it('writes selectors as queries have them', () => {
  const matchExpressions = [
    { key: 'tier', operator: 'In', values: ['a', 'b'] },
    { key: 'old', operator: 'DoesNotExist' },
    { key: 'new', operator: 'Exists' },
    { key: 'env', operator: 'NotIn', values: ['dev'] },
  ];
  expect(labelSelector({ matchLabels: { app: 'web' }, matchExpressions })).toBe(
    'app=web,tier in (a,b),!old,new,env notin (dev)',
  );
});
