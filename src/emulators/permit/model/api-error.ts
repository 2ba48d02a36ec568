/** The error codes of Permit's API with the status that they travel under. */
const STATUS = {
  NOT_FOUND: 404,
  DUPLICATE_ENTITY: 409,
  UNAUTHORIZED: 401,
  FORBIDDEN_ACCESS: 403,
  INVALID_INPUT: 400,
  INVALID_PERMISSION_FORMAT: 400,
  MISSING_RESOURCE_ATTRIBUTE: 400,
  MISMATCH_RESOURCE_INSTANCES_TENANTS: 400,
  MISMATCH_RELATION_TYPE: 400,
  UNEXPECTED_ERROR: 500,
} as const;

const TITLE: Readonly<Record<keyof typeof STATUS, string>> = {
  NOT_FOUND: 'The requested data could not be found',
  DUPLICATE_ENTITY: 'This object already exists',
  UNAUTHORIZED: 'Authentication is required',
  FORBIDDEN_ACCESS: 'Access to this resource is forbidden',
  INVALID_INPUT: 'The input is not valid',
  INVALID_PERMISSION_FORMAT: 'The permission is not valid',
  MISSING_RESOURCE_ATTRIBUTE: 'A condition uses an attribute that the resource does not have',
  MISMATCH_RESOURCE_INSTANCES_TENANTS: 'The resource instances belong to different tenants',
  MISMATCH_RELATION_TYPE: 'The relation does not join these resource types',
  UNEXPECTED_ERROR: 'An unexpected error occurred',
};

export type ApiErrorCode = keyof typeof STATUS;

/** A refusal of the REST API, answered as its error document. */
export class ApiError extends Error {
  readonly code: ApiErrorCode;
  readonly status: number;
  readonly title: string;

  constructor(code: ApiErrorCode, message: string) {
    super(message);
    this.name = 'ApiError';
    this.code = code;
    this.status = STATUS[code];
    this.title = TITLE[code];
  }
}

/** @throws {ApiError} `NOT_FOUND` when there is nothing. */
export function found<Row>(row: Row | undefined, what: string, keyOrId: string): Row {
  if (row === undefined) notFound(what, keyOrId);
  return row;
}

/** @throws {ApiError} `NOT_FOUND`. */
export function notFound(what: string, keyOrId: string): never {
  throw new ApiError('NOT_FOUND', `${what} '${shortened(keyOrId)}' was not found`);
}

/** @throws {ApiError} `DUPLICATE_ENTITY` when there is something. */
export function requireAbsent(row: unknown, what: string, key: string): void {
  if (row !== undefined) {
    throw new ApiError('DUPLICATE_ENTITY', `${what} '${shortened(key)}' already exists`);
  }
}

function shortened(text: string): string {
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}
