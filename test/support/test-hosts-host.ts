import type { CommandResult } from "./command.ts";
import type { EngineMachine } from "./test-hosts-machine.ts";

/** One machine of `startHosts`: what `EngineMachine` is, on the wire. */
export interface TestHost {
  /** Also its host name: `h0`, `h1` … */
  readonly name: string;
  readonly address: string;
  readonly machine: EngineMachine;
  readonly docker: EngineMachine["docker"];
  readonly dockerSocket: string;
  /** Runs a program on it to its end; the caller looks at the exit code. */
  run(command: readonly string[]): Promise<CommandResult>;
  /** Runs a program on it that must succeed; resolves with what it prints. */
  mustRun(command: readonly string[], input?: string): Promise<string>;
}

export interface HostList {
  readonly all: readonly TestHost[];
  /** The host with this number, from 0. */
  at(index: number): TestHost;
}
