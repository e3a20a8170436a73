create or replace function _adopt_each(p_what text, p_ids uuid[])
returns void
language plpgsql
set search_path from current
as $$
-- For the sweep: puts these events, or reactions (p_what), into the queue, all at once. Where that fails on data, they
-- are halved until each row on which it fails stands alone, and that one is set aside.
-- Locks: those of _enqueue_events and _enqueue_reactions. Writes: what they write; ops_strays. Raises: errors not
-- caused by the data.
declare
  v_from integer := 1;
  v_size integer := cardinality(p_ids);
  v_part uuid[];
  v_message text;
begin
  while v_from <= cardinality(p_ids) loop
    v_part := p_ids[v_from : v_from + v_size - 1];
    begin
      case p_what
        when 'events' then perform _enqueue_events(v_part);
        when 'reactions' then perform _enqueue_reactions(v_part);
      end case;
      v_from := v_from + cardinality(v_part);
    exception when others or assert_failure then
      if not _is_data_fault(sqlstate) then
        raise;
      end if;
      if cardinality(v_part) > 1 then
        v_size := (cardinality(v_part) + 1) / 2;
      else
        get stacked diagnostics v_message = message_text;
        perform _set_aside('ops_agent_' || p_what, v_part[1], v_part[1]::text, sqlstate, v_message);
        v_from := v_from + 1;
      end if;
    end;
  end loop;
end;
$$;
