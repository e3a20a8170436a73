create or replace function fn_show(p_id text, p_what text default null)
returns jsonb
language plpgsql
stable
security definer
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- All that is on record of one thing, whatever its id is of: {"what", "id", "title", "status", "created_at", and what
-- its kind has}. A mission and a proposal have steps, each with params, result, progress, attempts and usage; reasons
-- says why it does not get on and what frees it, trail what led to it and what came of it. 200 steps and the last 20
-- attempts of each; a value of more than 100,000 bytes is {"left_out_bytes": n}.
-- Locks: none. Writes: nothing. Raises: OP012 for an id that is of nothing, OP018, OP096 where several fit.
declare
  v_found jsonb;
  v_one jsonb;
  v_id uuid;
  v_mission uuid;
  v_shown jsonb;
begin
  v_found := (select coalesce(jsonb_agg(to_jsonb(f)), '[]') from (select * from fn_find_id(p_id, p_what) limit 20) f);
  if v_found = '[]' then
    raise exception using errcode = 'OP012', message = format('OPS_012: nothing has the id %s', left(p_id, 100)),
      detail = jsonb_build_object('id', left(p_id, 100))::text,
      hint = 'The last 8 digits are looked for among what is open and the newest 100,000 rows; a whole id always will '
             'do.';
  elsif jsonb_array_length(v_found) > 1 then
    raise exception using errcode = 'OP096',
      message = format('OPS_096: %s is the end of several ids: %s', p_id,
                       (select string_agg(format('%s %s', c ->> 'what', c ->> 'id'), ', ')
                          from jsonb_array_elements(v_found) c)),
      detail = jsonb_build_object('candidates', v_found)::text,
      hint = 'Give more digits, or the whole id; or say what it is of: p_what.';
  end if;
  v_one := v_found -> 0;
  if v_one ->> 'what' in ('mission', 'step', 'proposal', 'reaction', 'event') then
    v_id := (v_one ->> 'id')::uuid;
  end if;

  case v_one ->> 'what'
    when 'mission' then
      v_mission := v_id;
      v_shown := (select to_jsonb(m) - array['id', 'end_told'] from ops_missions m where m.id = v_id)
        || jsonb_build_object('steps', _show_steps(array(
             select s.id from ops_mission_steps s where s.mission_id = v_id order by s.position, s.id limit 200), 20),
             'usage', _usage(array(select s.id from ops_mission_steps s where s.mission_id = v_id limit 1000)),
             'reasons', (select coalesce(jsonb_agg(to_jsonb(e)), '[]') from fn_explain_mission(v_id) e));
    when 'step' then
      v_shown := _show_steps(array[v_id], 100) -> 0 || jsonb_build_object(
        'mission', (select jsonb_build_object('id', m.id, 'title', m.title, 'status', m.status)
                      from ops_mission_steps s join ops_missions m on m.id = s.mission_id where s.id = v_id),
        'reasons', (select coalesce(jsonb_agg(to_jsonb(e)), '[]') from fn_explain_step(v_id) e));
    when 'proposal' then
      v_mission := (select m.id from ops_missions m where m.proposal_id = v_id);
      v_shown := (select to_jsonb(p) - array['id', 'slots', 'template']
                         || jsonb_build_object('template', _shown_value(p.template))
                    from ops_mission_proposals p where p.id = v_id)
        || jsonb_build_object(
             'mission', (select jsonb_build_object('id', m.id, 'title', m.title, 'status', m.status)
                           from ops_missions m where m.id = v_mission),
             'votes', (select coalesce(jsonb_agg(jsonb_build_object(
                                'role', v.agent_role, 'vote', v.vote, 'reason', v.reason, 'login', v.voted_login,
                                'decision', v.decision, 'at', v.created_at) order by v.created_at), '[]')
                         from (select * from ops_proposal_votes o where o.proposal_id = v_id limit 100) v),
             'reasons', (select coalesce(jsonb_agg(to_jsonb(e)), '[]') from fn_explain_proposal(v_id) e));
    when 'reaction' then
      v_shown := (select to_jsonb(r) - array['id', 'payload', 'ready_seq']
                         || jsonb_build_object('payload', _shown_value(r.payload))
                    from ops_agent_reactions r where r.id = v_id);
    when 'event' then
      v_shown := (select to_jsonb(e) - array['id', 'data', 'ready_seq'] || jsonb_build_object(
                           'data', _shown_value(e.data),
                           'reactions', (select coalesce(jsonb_agg(jsonb_build_object(
                                                  'id', r.id, 'pattern', r.pattern, 'status', r.status,
                                                  'reason', r.reason, 'proposal_id', r.proposal_id)
                                                  order by r.id), '[]')
                                           from ops_agent_reactions r where r.event_id = e.id))
                    from _event(v_id) e);
    when 'letter' then
      v_shown := (select to_jsonb(d) - array['id', 'payload']
                         || jsonb_build_object('payload', _shown_value(d.payload),
                                               'replays', (select coalesce(jsonb_agg(to_jsonb(l) order by l.id), '[]')
                                                             from replay_log l where l.dl_msg_id = d.dl_msg_id))
                    from dead_letter_archive d where d.dl_msg_id = v_one ->> 'id');
    when 'message' then
      v_shown := (select to_jsonb(o) - array['id', 'payload', 'ready_seq', 'published_in']
                         || jsonb_build_object('payload', _shown_value(o.payload))
                    from outbox o where o.id = (v_one ->> 'id')::bigint);
    when 'directive' then
      v_shown := fn_show_directive(v_one ->> 'id') || jsonb_build_object(
        'reasons', (select coalesce(jsonb_agg(to_jsonb(e)), '[]') from fn_explain_directive(v_one ->> 'id') e));
    when 'grant' then
      v_shown := (select to_jsonb(g) - 'id' from ops_grants g where g.id = (v_one ->> 'id')::uuid);
    else
      v_shown := (select to_jsonb(w) from ops_workers w where w.worker_id = v_one ->> 'id')
        || jsonb_build_object('running', (
             select coalesce(jsonb_agg(jsonb_build_object('id', s.id, 'key', s.key, 'executor', s.executor,
                                                          'reserved_at', s.reserved_at) order by s.reserved_at), '[]')
               from ops_mission_steps s
              where s.id = any (_running_steps(10000)) and s.worker_id = v_one ->> 'id'));
  end case;
  if v_one ->> 'what' in ('mission', 'step', 'proposal', 'event') then
    v_shown := v_shown || jsonb_build_object(
      'trail', (select coalesce(jsonb_agg(to_jsonb(t) order by t.nth), '[]')
                  from (select r.*, row_number() over () as nth from fn_trail(v_id) r limit 1000) t));
  end if;
  return v_shown || v_one;
end;
$$;
comment on function fn_show(text, text) is
  'All that is on record of a mission, step, proposal, reaction, event, letter, message, directive, grant or worker, '
  'by its id or the last 8 digits of it: its fields, steps with params, result, progress, attempts and usage, why it '
  'does not get on (reasons), what led to it and what came of it (trail). OPS_012 for an id that is of nothing, '
  'OPS_096 where several fit, OPS_018 for what cannot be an id.';
