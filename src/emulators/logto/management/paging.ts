import type { Request, Response } from 'express';
import type { Issuer } from '../issuer.ts';
import { ManagementError } from './management-error.ts';

const DEFAULT_SIZE = 20;
const MAX_SIZE = 100;

/**
 * One page of the rows, with `Total-Number` and `Link` as the vendor sends them: the addresses in `Link` lack
 * `/api`, so nobody can follow them.
 *
 * @throws ManagementError 400 `guard.invalid_pagination`.
 */
export function sendPageOf<Row>(
  issuer: Issuer,
  req: Request,
  res: Response,
  rows: readonly Row[],
  present: (row: Row) => unknown,
): void {
  const exact = atLeastOne(req.query.page, 1);
  const size = atLeastOne(req.query.page_size, DEFAULT_SIZE);
  if (exact === undefined || size === undefined || size > MAX_SIZE)
    throw new ManagementError(400, 'guard.invalid_pagination', 'The request pagination value is invalid.');
  // The vendor takes page 1.5, calls it page 1 and starts in its middle.
  const page = Math.floor(exact);
  const last = Math.max(1, Math.ceil(rows.length / size));
  const link = (to: number, rel: string) => `<${addressOf(issuer, req, to)}>; rel="${rel}"`;
  const links = [link(1, 'first')];
  if (page > 1) links.push(link(page - 1, 'prev'));
  links.push(link(last, 'last'));
  if (page < last) links.push(link(page + 1, 'next'));
  res.set({ Link: orderedLinks(links), 'Total-Number': String(rows.length) });
  const offset = Math.floor((exact - 1) * size);
  res.json(rows.slice(offset, offset + size).map(present));
}

/** True when the caller asked for a page; some lists are whole otherwise. */
export const asksForPage = (req: Request): boolean =>
  req.query.page !== undefined || req.query.page_size !== undefined;

function atLeastOne(value: unknown, fallback: number): number | undefined {
  if (value === undefined) return fallback;
  return typeof value === 'string' && /^[1-9]\d{0,8}(\.\d+)?$/.test(value) ? Number(value) : undefined;
}

/** first, prev, next, last as recorded: first, last, then what is beside. */
function orderedLinks(links: string[]): string {
  const rank = (link: string) =>
    ['first', 'prev', 'last', 'next'].findIndex((rel) => link.includes(`rel="${rel}"`));
  return links.sort((a, b) => rank(a) - rank(b)).join(', ');
}

function addressOf({ url }: Issuer, req: Request, page: number): string {
  const path = `${req.baseUrl}${req.path}`.replace(/^\/api/, '').replace(/\/$/, '');
  const query = new URLSearchParams(req.url.split('?')[1] ?? '');
  query.set('page', String(page));
  return `${url}${path}?${query}`;
}
