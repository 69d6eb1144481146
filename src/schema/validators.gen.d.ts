// Stands beside the generated code, which has no types of its own.

/** Whether a value fits a schema. Pure. */
export type Validator = (value: unknown) => boolean;

/** The validators of all kinds that can be declared, by the `$id` of their schema. They build on the given tests of formats. Pure. */
export declare function makeValidators(
  formatTests: Readonly<Record<string, (text: string) => boolean>>,
  countCharacters: (text: string) => number,
): Readonly<Record<string, Validator>>;
