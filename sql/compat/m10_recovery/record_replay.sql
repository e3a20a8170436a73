create or replace function m10_recovery.record_replay(
  p_original_msg_id text, p_dl_msg_id text default null, p_candidate_id integer default null,
  p_idempotency_key uuid default null, p_new_msg_id text default null, p_replayed_by text default null
)
returns table (already_replayed boolean, replay_id bigint)
language plpgsql
set search_path from current
as $$
-- As fn_record_replay, under the name and with the types that migration 022 gave it, with the rights of the caller.
-- Locks, Writes, Raises: as there.
begin
  return query select *
    from fn_record_replay(p_original_msg_id, p_dl_msg_id, p_candidate_id::text, p_idempotency_key::text, p_new_msg_id,
                          p_replayed_by);
end;
$$;
