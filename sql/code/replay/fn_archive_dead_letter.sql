create or replace function fn_archive_dead_letter(
  p_dl_msg_id text,
  p_original_msg_id text default null,
  p_candidate_id text default null,
  p_failure_match_id text default null,
  p_payload jsonb default '{}',
  p_reason text default null,
  p_reclaim_count integer default 0,
  p_dead_lettered_at timestamptz default null,
  p_archived_by text default null
)
returns bigint
language plpgsql
security definer
set search_path from current
set lock_timeout = '2s'
as $$
-- Keeps a dead letter of another system. A p_dl_msg_id that exists changes nothing and gives the id of the first
-- letter.
-- Locks: the unique index of dl_msg_id, for which it waits two seconds at most. Writes: dead_letter_archive. Raises:
-- OP018 without a name, for one that is the loop's own, or for the loop itself as the archiver; OP031; OP041, OP045 for
-- a payload that is too large.
declare
  v_now timestamptz := _now();
  v_id bigint;
begin
  if coalesce(p_dl_msg_id, '') = '' or p_archived_by = 'opsloop' then
    raise exception using errcode = 'OP018',
      message = format('OPS_018: cannot archive dead letter %s by %s', quote_nullable(p_dl_msg_id),
                       quote_nullable(p_archived_by)),
      hint = 'p_dl_msg_id: the name of the letter; p_archived_by: the system or person that archives it, but not '
             'opsloop, which is the loop itself.';
  end if;
  perform _check_text(t.name, t.value, 500)
     from (values ('p_dl_msg_id', p_dl_msg_id), ('p_original_msg_id', p_original_msg_id),
                  ('p_candidate_id', p_candidate_id), ('p_failure_match_id', p_failure_match_id),
                  ('p_archived_by', p_archived_by)) t (name, value);
  perform _check_text('p_reason', p_reason, 10000);
  perform _check_size('p_payload', p_payload, 'payload_bytes');
  perform _assert_readable('p_payload', p_payload);
  perform _assert_not_reserved('message', 'p_dl_msg_id', p_dl_msg_id);
  perform _assert_not_reserved('message', 'p_original_msg_id', p_original_msg_id);
  -- Looked up first: an insert would wait for a session that redrives the letter.
  select a.id into v_id from dead_letter_archive a where a.dl_msg_id = p_dl_msg_id;
  if found then
    return v_id;
  end if;
  begin
    insert into dead_letter_archive (dl_msg_id, original_msg_id, candidate_id, failure_match_id, payload, reason,
                                     reclaim_count,
                                     dead_lettered_at, archived_at, archived_by)
    values (p_dl_msg_id, coalesce(p_original_msg_id, p_dl_msg_id), p_candidate_id, p_failure_match_id,
            coalesce(p_payload, '{}'),
            p_reason, coalesce(p_reclaim_count, 0), coalesce(p_dead_lettered_at, v_now), v_now,
              coalesce(p_archived_by, _acting_login()))
    on conflict do nothing
    returning id into v_id;
  exception when lock_not_available then
    perform _raise_held(format('the dead letter %s', quote_literal(p_dl_msg_id)), 'dead_letter_archive');
  end;
  if v_id is null then
    select a.id into v_id from dead_letter_archive a where a.dl_msg_id = p_dl_msg_id;
  end if;
  return v_id;
end;
$$;
comment on function fn_archive_dead_letter(text, text, text, text, jsonb, text, integer, timestamptz, text) is
  'Keeps a dead letter of another system and returns its id; the same p_dl_msg_id gives the first one''s. Defaults: '
  'p_original_msg_id that name, p_dead_lettered_at now, p_archived_by the login. From the runbook of migration 022. '
  'OPS_018 without a name, for a name of the loop itself, or with opsloop as the archiver; OPS_031 while another '
  'transaction is at it; OPS_045 for a payload that is too large.';
