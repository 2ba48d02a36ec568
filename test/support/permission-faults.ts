import type { ServerResponse } from 'node:http';

export type PdpFault = {
  id: string;
  /** What `logCode` tells the operator. */
  logCode: string;
  answer(res: ServerResponse, context: { allowingUrl: string }): void;
};

function body(id: string, text: string, logCode = 'permit_answer_malformed', status = 200): PdpFault {
  return {
    id,
    logCode,
    answer(res) {
      res.writeHead(status, { 'content-type': 'application/json' });
      res.end(text);
    },
  };
}

const status = (id: string, code: number, logCode: string): PdpFault =>
  body(id, '{"allow":true}', logCode, code);

const redirect = (id: string, code: number): PdpFault => ({
  id,
  logCode: 'permit_redirect',
  answer(res, { allowingUrl }) {
    res.writeHead(code, { location: `${allowingUrl}/allowed`, 'content-type': 'application/json' });
    res.end('{"allow":true}');
  },
});

/** b1 to b4: 28 ways in which one decision goes wrong, each of which has let somebody in somewhere. */
export const singleFaults: readonly PdpFault[] = [
  body('b1-1 allow "false"', '{"allow":"false"}'),
  body('b1-2 allow "no"', '{"allow":"no"}'),
  body('b1-3 allow {}', '{"allow":{}}'),
  body('b1-4 allow []', '{"allow":[]}'),
  body('b1-5 allow 1', '{"allow":1}'),
  body('b1-6 allow null', '{"allow":null}'),
  body('b1-7 allow absent', '{"result":true}'),
  body('b1-8 body null', 'null'),
  body('b1-9 body empty', ''),
  body('b1-10 body HTML', '<html>allow: true</html>'),
  body('b1-11 body cut', '{"allow":true'),
  status('b1-12 status 201', 201, 'permit_status'),
  status('b1-13 status 204', 204, 'permit_status'),
  {
    id: 'b1-14 deny with 20 MB of debug',
    logCode: 'permit_answer_too_large',
    answer(res) {
      res.writeHead(200, { 'content-type': 'application/json' });
      res.on('error', () => undefined);
      res.end(`{"allow":false,"debug":"${'x'.repeat(20 * 1024 * 1024)}"}`);
    },
  },
  redirect('b2-1 302 to a host that allows', 302),
  redirect('b2-2 307 to a host that allows', 307),
  status('b3-1 status 401', 401, 'permit_key_refused'),
  status('b3-2 status 403', 403, 'permit_key_refused'),
  status('b3-3 status 421', 421, 'permit_question_refused'),
  status('b3-4 status 422', 422, 'permit_question_refused'),
  status('b3-5 status 429', 429, 'permit_rate_limited'),
  status('b3-6 status 500', 500, 'permit_status'),
  status('b3-7 status 502', 502, 'permit_status'),
  status('b3-8 status 503', 503, 'permit_status'),
  status('b3-9 status 504', 504, 'permit_status'),
  { id: 'b4-1 reset', logCode: 'permit_unreachable', answer: (res) => void res.destroy() },
  {
    id: 'b4-2 half a body',
    logCode: 'permit_unreachable',
    answer(res) {
      res.writeHead(200, { 'content-type': 'application/json', 'content-length': '14' });
      res.write('{"allow":tr');
      setImmediate(() => res.destroy());
    },
  },
  { id: 'b4-3 hang', logCode: 'permit_timeout', answer: () => undefined },
];

/** b5: eight ways in which the answer to three questions goes wrong. */
export const bulkFaults: readonly PdpFault[] = [
  body('b5-1 short', '{"allow":[{"allow":true},{"allow":true}]}'),
  body('b5-2 long', '{"allow":[{"allow":true},{"allow":true},{"allow":true},{"allow":true}]}'),
  body('b5-3 empty list', '{"allow":[]}'),
  body('b5-4 null item', '{"allow":[{"allow":true},null,{"allow":true}]}'),
  body('b5-5 string booleans', '{"allow":[{"allow":"true"},{"allow":"true"},{"allow":"true"}]}'),
  body('b5-6 no allow', '{"result":[{"allow":true},{"allow":true},{"allow":true}]}'),
  status('b5-7 status 500', 500, 'permit_status'),
  { id: 'b5-8 reset', logCode: 'permit_unreachable', answer: (res) => void res.destroy() },
];
