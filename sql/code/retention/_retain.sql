create or replace function _retain(
  p_part text,
  p_after text,
  p_cuts jsonb,
  p_how text,
  p_batch text,
  p_limit integer,
  p_until timestamptz
)
returns table (of_table text, gone jsonb)
language plpgsql
set search_path from current
as $$
-- Goes on with a part until p_limit rows were purged, the part is over, or p_until (clock_timestamp) has come. Where
-- that fails on data, such as a row that a table of the team's refers to, fewer rows are tried, until the one is found;
-- it is set aside and passed over. The last row returned has no table: {"next", "purged", "locked", "needed",
-- "errors", "error"}.
-- Locks, writes: as _retain_part, and ops_strays. Raises: errors not caused by the data.
declare
  c_look constant integer := 500;
  v_after text := p_after;
  v_size integer := c_look;
  v_row record;
  v_done jsonb;
  v_sum jsonb := '{"purged": 0, "locked": 0, "needed": 0, "errors": 0}';
  v_spec record;
  v_key text;
  v_message text;
  v_state text;
begin
  select * into v_spec from _retention_parts() r where r.part = p_part;
  loop
    begin
      v_done := null;
      for v_row in select * from _retain_part(p_part, v_after, p_cuts, p_how, p_batch, v_size) loop
        if v_row.of_table is null then
          v_done := v_row.gone;
        else
          of_table := v_row.of_table;
          gone := v_row.gone;
          return next;
        end if;
      end loop;
      v_size := least(v_size * 2, c_look);
    exception when others or assert_failure then
      if not _is_data_fault(sqlstate) then
        raise;
      end if;
      get stacked diagnostics v_message = message_text, v_state = returned_sqlstate;
    end;
    if v_done is null and v_size > 1 then
      v_size := greatest(v_size / 8, 1);
      continue when clock_timestamp() < p_until;
      exit;
    elsif v_done is null then
      execute format('select t.%2$I::text from %1$I t where $1 is null or t.%2$I > $1::%3$s order by t.%2$I limit 1',
                     v_spec.of_table, v_spec.key,
                     (select format_type(a.atttypid, null) from pg_attribute a
                       where a.attrelid = quote_ident(v_spec.of_table)::regclass and a.attname = v_spec.key))
        into v_key using v_after;
      perform _set_aside(v_spec.of_table,
                         case when v_key ~ '^[0-9]+$' then _outbox_ready_id(v_key::bigint) else v_key::uuid end,
                         v_key, v_state, v_message);
      v_done := jsonb_build_object('next', v_key, 'errors', 1, 'error', left(v_message, 300));
    end if;
    v_after := v_done ->> 'next';
    v_sum := v_sum || jsonb_build_object(
      'purged', (v_sum ->> 'purged')::bigint + coalesce((v_done ->> 'purged')::bigint, 0),
      'locked', (v_sum ->> 'locked')::bigint + coalesce((v_done ->> 'locked')::bigint, 0),
      'needed', (v_sum ->> 'needed')::bigint + coalesce((v_done ->> 'needed')::bigint, 0),
      'errors', (v_sum ->> 'errors')::bigint + coalesce((v_done ->> 'errors')::bigint, 0))
      || case when v_done ? 'error' then jsonb_build_object('error', v_done -> 'error') else '{}' end;
    exit when v_after is null or (v_sum ->> 'purged')::bigint >= p_limit or clock_timestamp() >= p_until;
  end loop;
  return query select null::text, v_sum || jsonb_build_object('next', v_after);
end;
$$;
