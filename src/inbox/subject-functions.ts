/**
 * Lease and settlement as functions of the database: one round trip each, and their plans are kept. (As plain
 * statements they were planned anew every time, which on the embedded database was nine tenths of their cost.)
 */

// A job that finds the subject taken leaves `again` behind, under the row's lock: either the holder sees it when
// it settles, or has settled before and the subject was free. No wake-up is lost in between.
// Of more letters than a round takes, those that are due come first, and a suspension before them: neither may wait
// behind a hundred that are to be tried again later.
export const ACQUIRE_SUBJECT = `
  CREATE OR REPLACE FUNCTION elp.acquire_subject(
    p_subject text, p_holder uuid, p_until timestamptz, p_now timestamptz, p_most int
  ) RETURNS TABLE (
    fence bigint, touches bigint, touched boolean, touch_attempts int, touch_due boolean,
    id bigint, event text, created_at timestamptz, received_at timestamptz, body text,
    attempts int, due boolean, subjects text[]
  ) LANGUAGE plpgsql AS $$
  #variable_conflict use_column
  DECLARE
    v elp.subject;
  BEGIN
    INSERT INTO elp.subject AS s (subject, fence, holder, lease_until)
    VALUES (p_subject, nextval('elp.fence'), p_holder, p_until)
    ON CONFLICT (subject) DO UPDATE SET
      fence = CASE WHEN s.lease_until > p_now THEN s.fence ELSE excluded.fence END,
      holder = CASE WHEN s.lease_until > p_now THEN s.holder ELSE excluded.holder END,
      lease_until = CASE WHEN s.lease_until > p_now THEN s.lease_until ELSE excluded.lease_until END,
      again = COALESCE(s.lease_until > p_now, false)
    RETURNING s.* INTO v;
    IF v.holder <> p_holder THEN
      RETURN;
    END IF;

    fence := v.fence;
    touches := v.touches;
    touched := v.touches > v.touches_done;
    touch_attempts := v.touch_attempts;
    touch_due := touched AND (v.touch_try_at IS NULL OR v.touch_try_at <= p_now);
    FOR id, event, created_at, received_at, body, attempts, due IN
      SELECT l.id, l.event, l.created_at, l.received_at, l.body, chosen.attempts, chosen.next_try_at <= p_now
      FROM (
        SELECT ls.letter_id, ls.attempts, ls.next_try_at FROM elp.letter_subject ls
        WHERE ls.subject = p_subject AND ls.state = 'open'
        ORDER BY ls.next_try_at <= p_now DESC, ls.urgent DESC, ls.letter_id LIMIT p_most
      ) chosen JOIN elp.letter l ON l.id = chosen.letter_id
      ORDER BY l.created_at, l.id
    LOOP
      subjects := ARRAY(SELECT o.subject FROM elp.letter_subject o WHERE o.letter_id = acquire_subject.id ORDER BY 1);
      RETURN NEXT;
    END LOOP;
    IF NOT FOUND THEN
      id := NULL;
      RETURN NEXT;
    END IF;
  END $$;`;

// NULL under a lost lease, and then nothing is changed. Letters are taken in the order of their ids: two workers
// that settle the same letters for two subjects must not wait for each other crosswise.
export const SETTLE_SUBJECT = `
  CREATE FUNCTION elp.settle_subject(
    p_subject text, p_holder uuid, p_verdicts json, p_now timestamptz,
    p_touch bigint, p_touch_done boolean, p_touch_attempts int, p_touch_try_at timestamptz
  ) RETURNS boolean LANGUAGE plpgsql AS $$
  DECLARE
    v_again boolean;
    v record;
  BEGIN
    SELECT s.again INTO v_again FROM elp.subject s
    WHERE s.subject = p_subject AND s.holder = p_holder FOR UPDATE;
    IF NOT FOUND THEN
      RETURN NULL;
    END IF;

    FOR v IN
      SELECT * FROM json_to_recordset(p_verdicts)
        AS x (id bigint, state text, reason text, next_try_at timestamptz, tries int) ORDER BY x.id
    LOOP
      UPDATE elp.letter_subject ls SET
        state = v.state, attempts = ls.attempts + v.tries, reason = v.reason,
        next_try_at = COALESCE(v.next_try_at, ls.next_try_at)
      WHERE ls.letter_id = v.id AND ls.subject = p_subject AND ls.state = 'open';
      CONTINUE WHEN NOT FOUND OR v.state = 'open';
      UPDATE elp.letter l SET
        open_subjects = l.open_subjects - 1,
        dead_subjects = l.dead_subjects + (v.state = 'dead')::int,
        reason = COALESCE(v.reason, l.reason),
        status = CASE WHEN l.open_subjects > 1 THEN l.status
                      WHEN v.state = 'dead' OR l.dead_subjects > 0 THEN 'dead' ELSE 'done' END,
        settled_at = CASE WHEN l.open_subjects > 1 THEN NULL ELSE p_now END,
        body = CASE WHEN l.forget AND l.open_subjects <= 1 THEN '{"forgotten":true}' ELSE l.body END
      WHERE l.id = v.id;
    END LOOP;

    UPDATE elp.subject s SET
      holder = NULL, lease_until = NULL, again = false,
      touches_done = CASE WHEN p_touch_done THEN GREATEST(s.touches_done, p_touch) ELSE s.touches_done END,
      touch_attempts = CASE WHEN p_touch > 0 AND s.touches = p_touch THEN p_touch_attempts ELSE s.touch_attempts END,
      touch_try_at = CASE WHEN p_touch > 0 AND s.touches = p_touch AND NOT p_touch_done
                          THEN COALESCE(p_touch_try_at, s.touch_try_at) ELSE s.touch_try_at END
    WHERE s.subject = p_subject;
    RETURN v_again;
  END $$;`;

/** Each subject once, and none that is in somebody's hands: ten thousand letters of one must not hide the others. */
const eachSubject = (urgent: boolean) => `
  v_found := 0;
  FOR subject, at IN
    SELECT ls.subject, ls.next_try_at FROM elp.letter_subject ls
    WHERE ${urgent ? 'ls.urgent AND ' : ''}ls.state = 'open'
      AND ls.next_try_at <= p_now AND (ls.attempts > 0 OR ls.next_try_at <= p_young)
    ORDER BY ls.next_try_at
  LOOP
    CONTINUE WHEN v_seen ? subject;
    v_seen := v_seen || jsonb_build_object(subject, 1);
    v_lease := (SELECT s.lease_until FROM elp.subject s WHERE s.subject = due_each.subject);
    CONTINUE WHEN v_lease > p_now;
    urgent := ${urgent};
    RETURN NEXT;
    v_found := v_found + 1;
    EXIT WHEN v_found >= p_most;
  END LOOP;`;

// In the order of an index, so that two hundred of a hundred thousand cost two hundred rows. The embedded database never
// gathers statistics; left to itself it expects a handful, and reads and sorts them all: 36 ms of everybody's time.
export const DUE_SUBJECTS = `
  CREATE OR REPLACE FUNCTION elp.due_each(p_now timestamptz, p_young timestamptz, p_most int)
  RETURNS TABLE (subject text, at timestamptz, urgent boolean)
  LANGUAGE plpgsql STABLE SET enable_seqscan = off SET enable_bitmapscan = off AS $$
  DECLARE
    -- An object finds a member by halves; a list of two hundred would be read through for every letter.
    v_seen jsonb := '{}';
    v_found int;
    v_lease timestamptz;
  BEGIN
    ${eachSubject(true)}
    ${eachSubject(false)}
    RETURN QUERY
      SELECT s.subject, s.touch_try_at, false FROM elp.subject s
      WHERE s.touches > s.touches_done AND COALESCE(s.lease_until, '-infinity') <= p_now
        AND s.touch_try_at <= p_now AND (s.touch_attempts > 0 OR s.touch_try_at <= p_young)
      ORDER BY s.touch_try_at LIMIT p_most;
  END $$;

  CREATE OR REPLACE FUNCTION elp.due_subjects(p_now timestamptz, p_young timestamptz, p_most int)
  RETURNS TABLE (subject text, urgent boolean) LANGUAGE sql STABLE AS $$
    SELECT d.subject, bool_or(d.urgent) FROM elp.due_each(p_now, p_young, p_most) d
    GROUP BY d.subject ORDER BY bool_or(d.urgent) DESC, min(d.at) LIMIT p_most
  $$;`;

export const TOUCH_SUBJECT = `
  INSERT INTO elp.subject AS s (subject, touches, touch_try_at) VALUES ($1, 1, $2)
  ON CONFLICT (subject) DO UPDATE SET
    touches = s.touches + 1, touch_attempts = 0, touch_try_at = $2, touch_failed_at = NULL, touch_reason = NULL`;
