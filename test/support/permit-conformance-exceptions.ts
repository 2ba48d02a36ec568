/** Where answers may leave Permit's OpenAPI document, and why. Nothing else may. */
export const exceptions = {
  /** The document says that no optional member is nullable; the real API prints `null` for each that is unset. */
  optionalMembersMayBeNull: true,
  /** The real API prints UUIDs without dashes, which `format: uuid` does not allow. */
  uuid: /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i,
  /**
   * Statuses that the document does not list for an operation: they carry `ErrorDetails`. 424 is the facts
   * proxy's own, and so are its 400 with `detail` alone.
   */
  errorStatuses: new Set([400, 401, 403, 404, 409]),
  proxyStatuses: new Set([400, 424]),
} as const;
