create or replace function _placeholder_place_fault(p_executor text, p_path text[], p_lits text[], p_params jsonb)
returns text
language plpgsql
immutable
set search_path from current
as $$
-- Why this executor takes no placeholder at this path (relative to params); null when it does. A filled value must
-- never become a statement, a program, an option of the run, or the host of a request; nor do so in a step of a mission
-- that a step of kind mission proposes, whose template are its p_params.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return case p_executor
    when 'sql' then
      case when p_path[1] <> 'args' or cardinality(p_path) < 2 then 'sql takes placeholders in params.args only' end
    when 'command' then
      case
        when p_path = array['stdin'] then null
        when p_path[1] <> 'argv' or cardinality(p_path) <> 2
             then 'command takes placeholders in params.argv and params.stdin only'
        when p_path[2] = '0' then 'the program of a command cannot be a placeholder'
        when p_lits <> array['', ''] then 'a placeholder must be the whole argument of a command' end
    when 'http' then
      case
        when p_path = array['url'] then
          case when p_lits[1] !~* E'^https?://([a-z0-9_.-]+|\\[[0-9a-f:.]+\\])(:[0-9]+)?[/?#]'
               then 'a placeholder in an url must come after a literal scheme and host, as in https://host/' end
        when p_path[1] not in ('headers', 'json', 'body') then
          'http takes placeholders in the url after the host, and in params.headers, json and body'
        when p_path[1] = 'headers' and lower(p_path[2]) = 'host' then 'the host cannot be a placeholder' end
    when 'agent' then
      case when p_path[1] <> 'prompt' and (p_path[1] <> 'messages' or p_path[3] is distinct from 'content') then
        'agent takes placeholders in params.prompt and in the content of params.messages only' end
    when 'mission' then
      case
        when p_path in (array['title'], array['rationale']) then null
        when p_path[1] is distinct from 'steps' or p_path[3] is distinct from 'params' or cardinality(p_path) < 4
             then 'a mission takes placeholders in its title, its rationale and the params of its steps only'
        else _placeholder_place_fault(
               coalesce(p_params #>> array['steps', p_path[2], 'executor'],
                        p_params #>> array['steps', p_path[2], 'kind']),
               p_path[4:], p_lits, p_params #> p_path[:3]) end
    end;
end;
$$;
