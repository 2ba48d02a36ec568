/** Only the members that were sent; `null` was sent. */
export function sent<Input extends object>(
  input: Input,
): { [Member in keyof Input]: Exclude<Input[Member], undefined> } {
  return Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined)) as never;
}
