/** One thing that was tried. `mend` says what to do; nothing to mend is fine. */
export type Finding = {
  part: 'configuration' | 'database' | 'logto' | 'permit';
  /** `warn` works and could be better; `fail` does not work. */
  state: 'ok' | 'warn' | 'fail';
  what: string;
  mend?: string;
};
