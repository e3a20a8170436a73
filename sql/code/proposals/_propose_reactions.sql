create or replace function _propose_reactions(p_ids uuid[])
returns integer
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Makes and gates the proposals of these reactions; returns how many proposals are new. Where a dedupe key exists
-- already, the reaction is done and refers to the first proposal. Templates were checked when the reaction matrix was
-- set; they are not scanned for placeholders again, as they contain data of the event by now. The proposer is the login
-- that emitted the event, not the one that runs the heartbeat, and whoever else _event_proposers names.
-- Locks: cap counters. Writes: ops_agent_reactions and what proposals write. Raises: OP004 for a reaction without a
-- template, which was inserted by hand; what gating raises.
declare
  v_now timestamptz := _now();
  v_given record;
  v_made record;
begin
  -- Equal texts are one template, which is judged once.
  with given as materialized (
    select r.id, r.event_id, r.payload, coalesce(r.payload -> 'template', 'null')::text as template,
      coalesce(r.payload -> 'slots', '[]')::text as slots,
           e.login, e.proposers::text as proposers
      from unnest(p_ids) n (id)
     -- Plans 1
     cross join lateral (select t.* from ops_agent_reactions t where t.id = n.id limit 1) r
      left join _event_proposers(array(select r.event_id from ops_agent_reactions r where r.id = any (p_ids))) e
        on e.event_id = r.event_id
     where r.status = 'queued'
  ), template as materialized (
    select g.template, g.slots, row_number() over () as no from given g group by g.template, g.slots
  )
  select (select array_agg(t.template::jsonb order by t.no) from template t) as templates,
         (select array_agg(t.slots::jsonb order by t.no) from template t) as slots,
         array_agg(g.id order by g.id) as ids, array_agg(t.no::integer order by g.id) as which,
         array_agg('trigger'::text order by g.id) as sources,
           array_agg(g.payload ->> 'dedupe_key' order by g.id) as keys,
         array_agg(g.event_id order by g.id) as event_ids,
           array_agg((g.payload ->> 'depth')::integer order by g.id) as depths,
         array_agg(g.login order by g.id) as logins,
         array_agg(coalesce(g.proposers, '{}') order by g.id) as proposers
    into v_given
    from given g
    join template t on t.template = g.template and t.slots = g.slots;
  if v_given.ids is null then
    return 0;
  end if;

  if jsonb 'null' = any (v_given.templates) then
    raise exception using errcode = 'OP004', message = 'OPS_004: the payload of a reaction has no template',
      hint = 'A reaction inserted by hand needs {"template": {…}} as its payload; fn_create_proposal '
             'needs no reaction.';
  end if;

  select * into v_made
    from _create_proposals(v_given.templates, v_given.slots, v_given.which, v_given.sources, v_given.keys,
                           v_given.event_ids, v_given.ids, v_given.depths, v_given.logins, v_given.proposers);
  update ops_agent_reactions r
     set status = 'done', proposal_id = m.proposal_id, updated_at = v_now,
         reason = case when not m.is_new then 'its dedupe_key was proposed before' end
    from unnest(v_given.ids, v_made.ids, v_made.are_new) m (id, proposal_id, is_new)
   -- Plans 2
   where r.id = m.id and r.id = any (v_given.ids);
  return (select count(*) from unnest(v_given.ids, v_made.are_new) m (id, is_new) where m.is_new is not false);
end;
$$;
