import type { Figure } from './figures.js';

/** The programs that are compared. */
export interface Programs {
  /** The Node that our sidecar runs on. */
  readonly node: string;
  readonly nodeMajor: number;
  /** undefined: only our side is measured. */
  readonly envoy: string | undefined;
  /** Takes the place of our own open-loop generator. */
  readonly fortio: string | undefined;
}

/** What a scenario is given. Whatever it starts it gives to `defer`, and it is ended however the scenario ends. */
export interface Context extends Programs {
  /** For configuration and keys; removed at the end. */
  readonly folder: string;
  readonly rounds: number;
  readonly roundMs: number;
  /** Only prove that it runs: shrink whatever takes long, about two seconds in all. */
  readonly smoke: boolean;
  readonly say: (line: string) => void;
  readonly defer: (end: () => Promise<void> | void) => void;
  /** Requests that failed although they should not have; they make the bench fail. */
  readonly countErrors: (errors: number) => void;
}

export interface Scenario {
  readonly name: string;
  /** One line for people: what is measured. */
  readonly title: string;
  readonly run: (context: Context) => Promise<Figure[]>;
}
