import type { Page, Query } from './query.ts';

/** A list answer: always `{data, total_count, page_count}`, or an array unless the total was asked for. */
export function paginated<Row, Read>(rows: Iterable<Row>, { page, perPage }: Page, read: (row: Row) => Read) {
  const { slice, total } = cut(rows, page, perPage);
  return { data: slice.map(read), total_count: total, page_count: Math.ceil(total / perPage) };
}

export function listed<Row, Read>(
  rows: Iterable<Row>,
  query: Query,
  read: (row: Row) => Read,
  maxPerPage?: number,
) {
  const page = query.page(maxPerPage);
  if (query.flag('include_total_count')) return paginated(rows, page, read);
  return cut(rows, page.page, page.perPage).slice.map(read);
}

/** Walks the rows once and keeps one page: a million assignments are not copied for thirty. */
function cut<Row>(rows: Iterable<Row>, page: number, perPage: number): { slice: Row[]; total: number } {
  const from = (page - 1) * perPage;
  const slice: Row[] = [];
  let total = 0;
  for (const row of rows) {
    if (total >= from && slice.length < perPage) slice.push(row);
    total += 1;
  }
  return { slice, total };
}

export function* filtered<Row>(rows: Iterable<Row>, test: (row: Row) => boolean): Generator<Row> {
  for (const row of rows) if (test(row)) yield row;
}

/** A list that never comes with totals. */
export function onePage<Row, Read>(rows: Iterable<Row>, query: Query, read: (row: Row) => Read): Read[] {
  const { page, perPage } = query.page();
  return cut(rows, page, perPage).slice.map(read);
}
