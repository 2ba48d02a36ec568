import { InvalidInput, PayloadTooLarge, ProblemError, UnsupportedMediaType } from '../errors.ts';

/**
 * Translates what Express and its body parser throw for a bad request into problems of ours. Anything else comes
 * back as it is, and will be a 500: a `status` on a foreign error is not ours to pass on (an HTTP client's error
 * carries the status of somebody else's answer).
 */
export function foreseenErrorOf(error: unknown): unknown {
  if (error instanceof ProblemError) return error;
  // The router could not decode the path.
  if (error instanceof URIError)
    return new InvalidInput([{ path: 'path', message: 'is not percent-encoded UTF-8' }], { cause: error });
  switch (bodyErrorTypeOf(error)) {
    case 'entity.too.large':
    case 'parameters.too.many':
      return new PayloadTooLarge();
    case 'charset.unsupported':
    case 'encoding.unsupported':
      return new UnsupportedMediaType('charset or content encoding of the body', {
        detail: 'send the body as UTF-8, without a content encoding',
      });
    case 'entity.parse.failed':
    case 'entity.verify.failed':
      return new InvalidInput([{ path: 'body', message: 'is no JSON object or list' }], { cause: error });
    case 'request.aborted':
    case 'request.size.invalid':
      return new InvalidInput([{ path: 'body', message: 'was cut short' }], { cause: error });
    default:
      return error;
  }
}

/** body-parser's and raw-body's errors carry a `type` beside `status` and `expose`; only that family is meant. */
function bodyErrorTypeOf(error: unknown): unknown {
  if (!(error instanceof Error) || !('type' in error) || !('expose' in error)) return undefined;
  return error.type;
}
