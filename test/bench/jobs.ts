import type { JobName, JobOrder, Order, Outcome } from './load/jobs.js';
import { LoadProcess } from './processes.js';
import type { Context } from './scenario.js';

/** The process of `load/jobs.ts`: applications and load generators of several kinds. */
export class Worker {
  private constructor(private readonly process: LoadProcess<JobOrder, unknown, object>) {}

  static async start(context: Pick<Context, 'defer'>): Promise<Worker> {
    const process = await LoadProcess.start<JobOrder, unknown, object>('jobs');
    context.defer(() => process.stop());
    return new Worker(process);
  }

  /** One at a time. */
  async run<Name extends JobName>(job: Name, order: Order<Name>): Promise<Outcome<Name>> {
    return (await this.process.run({ job, order })) as Outcome<Name>;
  }
}
