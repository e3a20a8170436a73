create or replace function fn_check_invariants(
  p_part text default null,
  p_limit integer default null,
  p_after uuid default null
)
returns table (invariant text, subject text, detail text)
language plpgsql
stable
security definer
set search_path from current
set enable_seqscan = on
set plan_cache_mode = auto
as $$
-- Whether the loop is sound: one row for each broken instance of an invariant, none on a sound database. Parts: steps,
-- missions, approvals, proposals (and caps), events, reactions, queue, outbox, locks, replays, policy, transitions,
-- schedules; null for all. By default it reads whole tables: for tests and quiet hours. On a busy database give
-- p_limit: then only the newest p_limit rows of each table are checked, and the rows that belong to them, by their keys
-- (of events and reactions also those that are ready); with p_after, an id, the p_limit rows after it, for a check in
-- pieces. A fault between rows of two pieces, such as a token held twice, is then found only if one piece has both.
-- queue, outbox (only messages that wait), locks, replays, policy, transitions and schedules are read whole. Everything
-- is read by one snapshot (all but the marks of lanes), so that concurrent changes do not disturb it. A step that was
-- set to queued by hand is reported until the next heartbeat adopts it.
-- Locks: none. Writes: nothing. Raises: OP018 for a part or a limit that cannot be.
declare
  c_parts constant text[] := array['steps', 'missions', 'approvals', 'proposals', 'events', 'reactions', 'queue',
                                   'outbox',
                                   'locks', 'replays', 'policy', 'transitions', 'schedules'];
  v_part text;
  v_rows record;
begin
  if p_part <> all (c_parts) or p_limit < 1 then
    raise exception using errcode = 'OP018',
      message = format('OPS_018: cannot check %s of part %s', coalesce(p_limit::text || ' rows', 'all'),
                       quote_nullable(p_part)),
      hint = 'p_part: ' || array_to_string(c_parts, ', ') || ', or null for all; p_limit: 1 or more, or null for all.';
  end if;
  if p_limit is not null then
    -- Until it returns: index scans, and plans for these very arguments.
    perform set_config('enable_seqscan', 'off', true), set_config('plan_cache_mode', 'force_custom_plan', true);
  end if;

  foreach v_part in array case when p_part is null then c_parts else array[p_part] end loop
    v_rows := _id_window(case v_part when 'steps' then 'ops_mission_steps' when 'events' then 'ops_agent_events'
                                        when 'reactions' then 'ops_agent_reactions' when 'proposals'
                                             then 'ops_mission_proposals'
                                        else 'ops_missions' end, p_limit, p_after);
    case v_part
      when 'steps' then return query select * from _broken_steps(v_rows.above, v_rows.upto);
      when 'missions' then return query select * from _broken_missions(v_rows.above, v_rows.upto);
      when 'approvals' then return query select * from _broken_approvals(v_rows.above, v_rows.upto);
      when 'proposals' then return query select * from _broken_proposals(v_rows.above, v_rows.upto);
      when 'events' then return query select * from _broken_events(v_rows.above, v_rows.upto);
      when 'reactions' then return query select * from _broken_reactions(v_rows.above, v_rows.upto);
      when 'queue' then return query select * from _broken_queue();
      when 'outbox' then return query select * from _broken_outbox();
      when 'locks' then return query select * from _broken_locks();
      when 'replays' then return query select * from _broken_replay();
      when 'policy' then return query select * from _broken_policy();
      when 'transitions' then return query select * from _broken_transitions();
      when 'schedules' then return query select * from _broken_schedules();
    end case;
  end loop;
end;
$$;
comment on function fn_check_invariants(text, integer, uuid) is
  'Whether the loop is sound: one row per broken instance of an invariant, none on a sound database. p_part: steps, '
  'missions, approvals, proposals, events, reactions, queue, outbox, locks, replays, policy, transitions or schedules '
  '(default: all). p_limit: only the newest so many rows of each table, by their keys, for a busy database, or with '
  'p_after the so many after that id; without it whole tables are read. OPS_018 for a bad part or limit.';
