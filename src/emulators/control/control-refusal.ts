/** What a control endpoint answers when it understood the call and cannot do it. */
export class ControlRefusal extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.name = 'ControlRefusal';
    this.status = status;
    this.code = code;
  }
}
