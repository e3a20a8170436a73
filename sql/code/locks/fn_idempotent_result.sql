create or replace function fn_idempotent_result(p_key text, p_result jsonb)
returns void
language plpgsql
security definer
set search_path from current
as $$
-- Stores what later callers of fn_idempotent get for the key; only the transaction that took the key may.
-- Locks: the row of the key. Writes: ops_idempotency_keys. Raises: OP014 when this transaction has not taken it.
declare
  v_transaction xid8 := pg_current_xact_id();
begin
  perform _check_size('p_result', p_result, 'result_bytes');
  update ops_idempotency_keys k set result = p_result where k.key = p_key and k.taken_in = v_transaction;
  if not found then
    raise exception using errcode = 'OP014',
      message = format('OPS_014: this transaction has not taken the key %s', coalesce(quote_literal(p_key), 'null')),
      detail = jsonb_build_object('key', p_key)::text,
      hint = 'Call fn_idempotent first, in the same transaction, and store a result only when it says fresh.';
  end if;
end;
$$;
comment on function fn_idempotent_result(text, jsonb) is
  'Stores the result that later callers of fn_idempotent get for a key, in the transaction that took it. OPS_014 when '
  'this one has not.';
