create or replace function m10_recovery.archive_dead_letter(
  p_dl_msg_id text, p_original_msg_id text default null, p_candidate_id integer default null,
  p_failure_match_id uuid default null, p_payload jsonb default '{}', p_reason text default null,
    p_reclaim_count integer default 0,
  p_dead_lettered_at timestamptz default null, p_archived_by text default null
)
returns bigint
language plpgsql
set search_path from current
as $$
-- As fn_archive_dead_letter, under the name and with the types that migration 022 gave it, with the rights of the
-- caller.
-- Locks, Writes, Raises: as there.
begin
  return fn_archive_dead_letter(p_dl_msg_id, p_original_msg_id, p_candidate_id::text, p_failure_match_id::text,
                                p_payload, p_reason, p_reclaim_count, p_dead_lettered_at, p_archived_by);
end;
$$;
