"""The life cycle and the units of every pack as rows, for those who work warnings in SQL; and the function that PostgreSQL has for it."""
import polars as pl

from policy.lifecycle import ACTIONS, EVENT
from policy.packs import packs
from policy.units import units
from warehouse.publication import Write


def work_rules() -> pl.DataFrame:
    """Rows of the table `work_rule`: one for each legal step."""
    rows = [(action, status, leads or status, EVENT[action]) for action, (allowed, leads) in ACTIONS.items() for status in allowed]
    return pl.DataFrame(rows, schema=["action", "status", "leads", "event"], orient="row")


def known_units() -> pl.DataFrame:
    """Rows of the table `unit`."""
    rows = [(pack, u.code, u.name_zh, u.name_en, u.kind, u.valid_from, u.valid_to) for pack in packs() for u in units(pack).all()]
    return pl.DataFrame(rows, schema=["pack", "code", "name_zh", "name_en", "kind", "valid_from", "valid_to"], orient="row")


def rule_writes() -> list[Write]:
    """Both tables as policy has them now."""
    return [Write("work_rule", work_rules(), "replace"), Write("unit", known_units(), "replace")]


#: One step of one warning with the checks of `policy.lifecycle`, for a bureau's own screens. Says what came of it: no error is raised, so
#: that a refused attempt stays in the audit trail.
WORK_FUNCTION = """
create function weisu_work(
    in_warning text, in_action text, in_by text default null, in_seen bigint default null, in_unit text default null,
    in_owner text default null, in_verdict text default null, in_measures text default null, in_note text default null, in_until date default null)
returns table (done boolean, warning_id text, status text, change_no bigint, reason text, message text)
language plpgsql security definer set search_path = {schema}, pg_temp as $$
#variable_conflict use_column
declare
    w warning%rowtype; r work_rule%rowtype; at timestamptz := clock_timestamp(); today date := (clock_timestamp() at time zone 'Asia/Shanghai')::date;
    id text := in_warning; named text; wanted text; given text; why text; tells text; says jsonb := '{{}}'::jsonb; facts jsonb;
begin
    loop
        select * into w from warning x where x.warning_id = id for update;
        exit when not found or w.merged_into is null;
        id := w.merged_into;
    end loop;
    if w.warning_id is null then
        return query select false, in_warning, null::text, null::bigint, 'unknown', format('there is no warning %s', in_warning);
        return;
    end if;
    select * into r from work_rule x where x.action = in_action and x.status = w.status;
    if in_seen is not null and in_seen <> w.change_no then
        why := 'stale';
        tells := format('%s was changed by someone else: you saw change %s, it is %s now (%s)', id, in_seen, w.change_no, w.status);
    elsif r.action is null then
        why := 'illegal';
        tells := format('%s is %s: it cannot %s', id, w.status, in_action);
    end if;
    if why is not null then
        insert into warning_event (event_id, warning_id, known_at, kind, done_by, changes, note)
        values (substr(md5(id || in_action || at || coalesce(in_by, '') || random()), 1, 16), id, at, 'refused', in_by, '{{}}', in_action || ': ' || why);
        return query select false, id, w.status, w.change_no, why, tells;
        return;
    end if;
    wanted := case when in_action = 'assign' then 'unit' when in_action = 'own' then 'owner'
                   when in_action = 'close' and (w.pack is not null or coalesce(in_unit, w.assigned_to) is not null) then 'unit' end;
    given := case when in_action = 'own' then coalesce(nullif(in_owner, ''), in_unit) when in_action = 'close' then coalesce(nullif(in_unit, ''), w.assigned_to)
                  else in_unit end;
    if in_action = 'snooze' and (coalesce(in_note, '') = '' or in_until is null or in_until <= today) then why := 'until';
    elsif in_action = 'close' and coalesce(in_verdict, '') not in ('confirmed', 'partly', 'unfounded', 'already_known') then why := 'verdict';
    elsif in_action = 'close' and coalesce(nullif(in_measures, ''), nullif(in_note, '')) is null then why := 'measures';
    elsif wanted is not null and coalesce(given, '') = '' then why := wanted;
    elsif wanted is not null then
        named := given;
        if w.pack is not null then
            select case when w.lang = 'en' then u.name_en else u.name_zh end into named from unit u
            where u.pack = w.pack and given in (u.code, u.name_zh, u.name_en) and today between u.valid_from and u.valid_to limit 1;
            if named is null then why := 'unknown_unit'; end if;
        end if;
    end if;
    if why is not null then
        tells := case why when 'until' then 'a snooze needs a reason (in_note) and an end in the future (in_until)'
            when 'verdict' then 'closing needs a verdict: confirmed, partly, unfounded or already_known' when 'measures' then 'closing needs the measures taken'
            when 'unknown_unit' then format('no unit %s in %s today', given, w.pack) else format('needs %s', why) end;
        return query select false, id, w.status, w.change_no, why, tells;
        return;
    end if;
    if r.leads <> w.status then says := says || jsonb_build_object('status', jsonb_build_array(w.status, r.leads)); end if;
    if w.status = 'snoozed' and r.leads <> w.status then says := says || jsonb_build_object('snoozed_until', jsonb_build_array(w.snoozed_until, null)); end if;
    if in_action = 'assign' then says := says || jsonb_build_object('assigned_to', jsonb_build_array(w.assigned_to, named));
    elsif in_action = 'own' then says := says || jsonb_build_object('owner', jsonb_build_array(w.owner, named));
    elsif in_action = 'snooze' then says := says || jsonb_build_object('snoozed_until', jsonb_build_array(w.snoozed_until, in_until));
    elsif in_action = 'close' then
        says := says || jsonb_build_object('verdict', jsonb_build_array(w.verdict, in_verdict),
            'measures', jsonb_build_array(w.measures, coalesce(nullif(in_measures, ''), in_note)), 'handled_by', jsonb_build_array(w.handled_by, named),
            'closed_on', jsonb_build_array(w.closed_on, today), 'closed_at', jsonb_build_array(w.closed_at, at));
        facts := jsonb_build_object('kind', w.kind, 'rule', w.rule, 'level', w.level, 'problem_code', w.problem_code, 'lead_unit', w.lead_unit,
            'observed', w.observed, 'expected', w.expected, 'p_value', w.p_value, 'n_records', w.n_records, 'n_callers', w.n_callers,
            'raised_on', w.raised_on, 'source_ids', w.source_ids::jsonb);
    elsif in_action = 'reopen' then
        says := says || jsonb_build_object('verdict', jsonb_build_array(w.verdict, null), 'measures', jsonb_build_array(w.measures, null),
            'handled_by', jsonb_build_array(w.handled_by, null), 'closed_on', jsonb_build_array(w.closed_on, null),
            'closed_at', jsonb_build_array(w.closed_at, null));
    end if;
    update warning x set change_no = x.change_no + 1, status = r.leads,
        assigned_to = case when says ? 'assigned_to' then says->'assigned_to'->>1 else x.assigned_to end,
        owner = case when says ? 'owner' then says->'owner'->>1 else x.owner end,
        snoozed_until = case when says ? 'snoozed_until' then (says->'snoozed_until'->>1)::date else x.snoozed_until end,
        verdict = case when says ? 'verdict' then says->'verdict'->>1 else x.verdict end,
        measures = case when says ? 'measures' then says->'measures'->>1 else x.measures end,
        handled_by = case when says ? 'handled_by' then says->'handled_by'->>1 else x.handled_by end,
        closed_on = case when says ? 'closed_on' then (says->'closed_on'->>1)::date else x.closed_on end,
        closed_at = case when says ? 'closed_at' then (says->'closed_at'->>1)::timestamptz else x.closed_at end
    where x.warning_id = id;
    insert into warning_event (event_id, warning_id, known_at, kind, done_by, changes, note, facts)
    values (substr(md5(id || in_action || at || coalesce(in_by, '') || random()), 1, 16), id, at, r.event, in_by, says::text, in_note, facts::text);
    return query select true, id, r.leads, w.change_no + 1, null::text, format('%s: %s → %s', id, w.status, r.leads);
end $$
"""
WORK_ARGUMENTS = "text, text, text, bigint, text, text, text, text, text, date"
