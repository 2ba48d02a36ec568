import type { RequestHandler } from 'express';

/** The last route of an emulator: what it lacks is 501, so that nobody mistakes it for the vendor's own 404. */
export const notEmulated: RequestHandler = function notEmulated(req, res) {
  res
    .status(501)
    .json({ code: 'not_emulated', message: `The emulator does not have ${req.method} ${req.path}.` });
};
