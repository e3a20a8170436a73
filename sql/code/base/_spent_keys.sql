create or replace function _spent_keys(p_kind text, p_keys text[])
returns jsonb
language plpgsql
volatile
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Those of these dedupe keys whose row was purged, while they count: {key: {"id", "status", "mission_id",
-- "purged_on"}}; null where there is none. To be asked after the row was inserted: the insert waits for a purge that is
-- just deleting a row with this key, and a later statement sees its record (hence volatile). Above read committed there
-- is no later snapshot: there a purge since the transaction's snapshot is a serialization failure.
-- Locks: above read committed the row 'keys' of ops_retention, FOR SHARE: a purge leaves off until that transaction
-- has ended. Writes: nothing. Raises: 40001.
declare
  v_keys constant text[] := array_remove(p_keys, null);
begin
  if cardinality(v_keys) = 0 or v_keys is null then
    return null;
  end if;
  if current_setting('transaction_isolation') <> 'read committed' then
    perform from ops_retention r where r.part = 'keys' for share;
  end if;
  return (select jsonb_object_agg(k.key, jsonb_build_object('id', k.id, 'status', k.status, 'mission_id', k.mission_id,
                                                            'purged_on', (k.purged_at at time zone 'UTC')::date))
            from ops_spent_keys k
           where k.kind = p_kind and k.key = any (v_keys) and (k.until is null or k.until > _now()));
end;
$$;
