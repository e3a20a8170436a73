create or replace function _outbox_settings(p_route jsonb, p_policy jsonb, p_worker_policy jsonb)
returns jsonb
language plpgsql
immutable
set search_path from current
as $$
-- The settings that a relay needs to deliver by this route: those of its sink, those of policy for all routes and, for
-- a command, the program of its preset. Under "fault" why policy does not let it be delivered.
-- Locks: none. Writes: nothing. Raises: nothing for a sound policy.
declare
  v_settings jsonb := coalesce(p_route -> 'settings', '{}')
    || (p_route - array['name', 'event_type', 'sink', 'settings', 'max_tries', 'description']);
  v_preset text := p_route ->> 'preset';
  v_expanded record;
begin
  case p_route ->> 'sink'
    when 'http' then
      v_settings := jsonb_build_object('allow_private', coalesce(nullif(p_policy -> 'allow_private', 'null'), 'false'))
        || v_settings;
    when 'command' then
      if not coalesce(p_worker_policy -> 'presets', '{}') ? v_preset then
        return v_settings || jsonb_build_object('fault', format('worker_policy has no preset %s', v_preset));
      end if;
      select * into v_expanded from _expand_preset(v_preset, '{}', p_worker_policy);
      v_settings := v_settings || coalesce(v_expanded.params, '{}')
                    || case when v_expanded.fault is null then '{}'
                      else jsonb_build_object('fault', v_expanded.fault) end;
    else
      null;
  end case;
  return v_settings;
end;
$$;
