import type { ErrorRequestHandler } from 'express';

/** What nothing else has answered: a malformed path, or a failure of the emulator itself. No stack goes out. */
export function createFailureAnswer(log: (message: string) => void): ErrorRequestHandler {
  return function answerFailure(error, req, res, next) {
    if (res.headersSent) {
      next(error);
      return;
    }
    const refused = typeof error?.status === 'number' && error.status >= 400 && error.status < 500;
    if (!refused) log(`${req.method} ${req.path} failed: ${error?.stack ?? error}`);
    res
      .status(refused ? error.status : 500)
      .json(
        refused
          ? { code: 'invalid_request', message: 'The request is not understood.' }
          : { code: 'internal_error', message: 'The emulator failed.' },
      );
  };
}
