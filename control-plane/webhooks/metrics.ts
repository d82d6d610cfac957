import { Counter, Histogram, type Registry } from 'prom-client';

/** What is told about the webhooks' work. */
export interface WebhookEvents {
  injection(outcome: 'injected' | 'skipped' | 'failed', seconds: number): void;
  validation(passed: boolean, group: string, kind: string): void;
  /** A request that was no AdmissionReview, or too large. */
  badRequest(status: number): void;
  /** A webhook configuration was brought up to date, or could not be. */
  patched(configuration: string, outcome: 'written' | 'failed' | 'conflict'): void;
}

const SECONDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5];

/** Istio's metrics of its webhooks. */
export function webhookMetrics(registry: Registry): WebhookEvents {
  const counter = <L extends string>(name: string, help: string, ...labelNames: L[]): Counter<L> =>
    new Counter({ name, help, labelNames, registers: [registry] });
  const requests = counter('sidecar_injection_requests_total', 'Pods that the injector was asked about.');
  const outcomes = {
    injected: counter('sidecar_injection_success_total', 'Pods that got a sidecar.'),
    skipped: counter('sidecar_injection_skip_total', 'Pods that were let in without one.'),
    failed: counter('sidecar_injection_failure_total', 'Pods that were refused, because they could not be injected.'),
  };
  const time = new Histogram({
    name: 'sidecar_injection_time_seconds',
    help: 'Seconds in which a pod is injected.',
    buckets: SECONDS,
    registers: [registry],
  });
  const passed = counter('galley_validation_passed', 'Objects that were found valid.', 'group', 'resource');
  const failed = counter('galley_validation_failed', 'Objects that were refused.', 'group', 'resource', 'reason');
  const httpErrors = counter('galley_validation_http_error', 'Requests that were no admission reviews.', 'status');
  const attempts = counter('webhook_patch_attempts_total', 'Webhook configurations that were written.', 'name');
  const failures = counter('webhook_patch_failures_total', 'Webhook configurations that could not be written.', 'name');
  const retries = counter('webhook_patch_retries_total', 'Writes that somebody else’s came before.', 'name');
  return {
    injection(outcome, seconds) {
      requests.inc();
      outcomes[outcome].inc();
      time.observe(seconds);
    },
    validation(good, group, resource) {
      if (good) passed.inc({ group, resource });
      else failed.inc({ group, resource, reason: 'invalid_resource' });
    },
    badRequest: (status) => httpErrors.inc({ status: String(status) }),
    patched(name, outcome) {
      attempts.inc({ name });
      if (outcome === 'failed') failures.inc({ name });
      if (outcome === 'conflict') retries.inc({ name });
    },
  };
}
