--- Commands that change nothing: check, find, list, export.
local connection = require "awork.cli.connection"
local core = require "awork.core"
local posix = require "awork.posix"
local errors = require "awork.error"
local format = require "awork.format"
local output = require "awork.cli.output"
local owners = require "awork.desired.owners"
local people = require "awork.cli.people"
local show = require "awork.desired.show"

local M = {}

local function usage(description)
  return nil, errors.new { kind = "cli", code = "usage", description = description, retryable = false }
end

-- Runs fn(client) with signals heeded; closes the client.
local function with_client(ctx, what, fn)
  local client <close>, err = connection.client(ctx)
  if not client then
    return nil, err
  end
  ctx.reading = what
  local result, failed = connection.drive(ctx, client, function() return fn(client) end)
  ctx.reading = nil
  ctx.ui:clear()
  if not ctx.opts.output then
    ctx:release()
  end
  return result, failed
end

local function limit_text(window)
  return window.limit and ("%s of %d"):format(window.remaining or "?", window.limit) or nil
end

--- `check`: exit code 0 if everyone's contact infos may be read and written, else 1.
function M.check(ctx)
  local check, err = with_client(ctx, "Asking", function(client)
    return client:check()
  end)
  if not check then
    return nil, err
  end
  if ctx.ui.json then
    ctx.ui:out(output.object {
      { "ok", output.json(check.ok) }, { "user", check.user and output.json(check.user) },
      { "workspace", check.workspace and output.json(check.workspace) }, { "sees", output.json(check.sees) },
      { "users", output.json(check.users) }, { "read", output.json(check.read) }, { "write", output.json(check.write) },
      { "rate_limit", output.json(check.rate_limit) }, { "advice", output.array(check.advice) },
    } .. "\n")
    return check.ok and 0 or 1
  end
  local minute, second = limit_text(check.rate_limit.minute), limit_text(check.rate_limit.second)
  for _, row in ipairs {
    { "user", check.user and ("%s (%s%s)"):format(check.user.name, check.api_user and "an API user, " or "",
      check.user.id) },
    { "role", check.blocked and "blocked" or check.admin and "admin" or check.guest and "guest" or "no admin" },
    { "workspace", check.workspace and check.workspace.name },
    { "sees", check.sees == "others" and ("%d users%s"):format(check.users, check.by_team and ", by team" or "")
      or check.sees == "self" and "no one else" or "nobody" },
    { "reads", check.read }, { "writes", check.write },
    { "companies", ("reads %s, writes %s"):format(check.companies.read, check.companies.write) },
    { "rate limit", minute and ("%s left this minute%s"):format(minute, second and (", %s this second"):format(second)
      or "") },
  } do
    if row[2] then
      ctx.ui:out(("%s %s\n"):format(output.cell(row[1], 10), show.safe(row[2])))
    end
  end
  for _, sentence in ipairs(check.advice) do
    ctx.ui:warn(sentence)
  end
  ctx.ui:out(check.ok and ctx.ui:paint("green", "ok") .. "\n"
    or ctx.ui:paint("red", "not enough to look after everyone's contact infos") .. "\n")
  return check.ok and 0 or 1
end

-- One contact info with its owner: a line, or a JSON object.
local function writer(ctx, kind)
  local ui = ctx.ui
  if ui.json then
    local stream = output.stream(function(text) ui:out(text) end)
    return {
      write = function(owner, info)
        stream.write { [kind] = { id = owner.id, name = owners.name(owner) }, contact_info = info }
      end,
      finish = function()
        stream.finish()
        ui:out "\n"
      end,
    }
  end
  return {
    write = function(owner, info)
      ui:out(("%s  %s  %s\n"):format(output.cell(owners.name(owner), 24), output.cell(show.kind(info), 16),
        show.value(info)))
    end,
    finish = function() end,
  }
end

-- What an argument alone may mean.
local function guess(criteria, what)
  local name = what:find "@" and "email" or what:find "^[%s%d%+%(%)%./%-]+$" and "phone" or "value"
  criteria[name] = criteria[name] or what
end

--- `find`: exit code 0, also if nobody is found.
function M.find(ctx)
  local opts = ctx.opts
  local kind = opts.companies and "company" or "user"
  local criteria = { phone = opts.phone, email = opts.email, value = opts.value, type = opts.type,
    subType = opts.subtype, default_country = opts.default_country, limit = opts.limit, archived = opts.archived,
    api_users = opts.api_users }
  if opts.what then
    guess(criteria, opts.what)
  end
  if not (criteria.phone or criteria.email or criteria.value or criteria.type or criteria.subType) then
    return usage "what is to be found? A phone number, an email address, or one of the options"
  end
  local checked, problem = people.plan_options { default_country = opts.default_country }
  if not checked then
    return nil, problem
  end
  local found, err = with_client(ctx, "Looking", function(client)
    return client[owners.KINDS[kind].contact_infos]:find(criteria)
  end)
  if not found then
    return nil, err
  end
  local rows = writer(ctx, kind)
  for _, item in ipairs(found) do
    rows.write(item[kind], item.contact_info)
  end
  rows.finish()
  if #found == 0 then
    ctx.ui:say "nobody found"
  end
  return 0
end

-- The API users, whom nobody means when they speak of users: a set of ids; nil, err.
local function left_out(ctx, client, kind)
  if kind ~= "user" or ctx.opts.api_users then
    return {}
  end
  return owners.api_users(client)
end

-- Calls fn(owner, infos) for everyone, or for the one that `who` means.
local function each_owner(ctx, client, kind, fn)
  local opts, names = ctx.opts, owners.KINDS[kind]
  local resource, who = client[names.resource], opts.who
  if who and core.is_guid(who) then
    local owner, err = resource:get(who)
    if not owner then
      return nil, err
    end
    local infos = owner[names.infos]
    if type(infos) ~= "table" then
      infos, err = client[names.contact_infos]:list(who)
      if not infos then
        return nil, err
      end
    end
    fn(owner, infos)
    return true
  end
  if who then
    local found, err = client[names.contact_infos]:find { email = who, archived = opts.archived,
      api_users = opts.api_users }
    if not found then
      return nil, err
    end
    if found[1] then
      fn(found[1][kind], found[1][kind][names.infos])
    else
      return nil, errors.new { kind = "cli", code = "not-found", description = "nobody has the address " .. who,
        retryable = false }
    end
    return true
  end
  local skip, failed = left_out(ctx, client, kind)
  if not skip then
    return nil, failed
  end
  for owner, err in resource:each { showArchived = kind == "user" and opts.archived or nil } do
    if not owner then
      return nil, err
    end
    local infos = owner[names.infos]
    if not owners.is_among(skip, owner) then
      fn(owner, type(infos) == "table" and infos or {})
    end
    if ctx:signal() then
      return true -- drive() says the rest
    end
  end
  return true
end

--- `list`.
function M.list(ctx)
  local kind = ctx.opts.companies and "company" or "user"
  local who = ctx.opts.who
  if who and not core.is_guid(who) and not who:find("@", 1, true) then
    return usage(("'%s' is neither an id nor an email address; `awork-contacts find` looks for other things")
      :format(who))
  end
  local within, problem = people.scope(ctx.opts)
  if not within then
    return nil, problem
  end
  local rows = writer(ctx, kind)
  local ok, err = with_client(ctx, "Reading", function(client)
    return each_owner(ctx, client, kind, function(owner, infos)
      for _, info in ipairs(infos) do
        if type(info) == "table" and within(info) then
          rows.write(owner, info)
        end
      end
    end)
  end)
  if not ok then
    return nil, err
  end
  rows.finish()
  return 0
end

local function not_written(message)
  return errors.new { kind = "file", code = "not-written", description = message, retryable = false }
end

-- Where an export goes: write(text) → true, or nil, message; commit() → true, or nil, message; close(). A file is whole
-- or as it was.
local function target(ctx, kind)
  local path = ctx.opts.output
  if not path or path == "-" then
    return { close = function() end, commit = function() return true end, write = function(_, text)
      ctx.ui:data(text, (kind == "csv" or kind == "tsv" or kind == "vcard") and "lines" or "json")
      return true
    end }
  end
  ctx:hold()
  local file, message = posix.open_output(path)
  if not file then
    ctx:check()
    return nil, not_written(message)
  end
  return file
end

local EXTENSIONS = { vcf = "vcard", vcard = "vcard", csv = "csv", txt = "csv", tsv = "tsv", json = "json",
  jsonl = "jsonl", ndjson = "jsonl" }

local function export_format(opts)
  if opts.format then
    return opts.format
  end
  local path = opts.output or ""
  if core.lower(path):find "%.scim%.json$" then
    return "scim"
  end
  return EXTENSIONS[core.lower(path):match "%.([0-9A-Za-z]+)$"] or "json"
end

--- `export`: of users. JSON and JSON lines, SCIM and vCard in constant memory; CSV needs to know its columns first.
function M.export(ctx)
  local opts = ctx.opts
  local kind = export_format(opts)
  if opts.bom and not (kind == "csv" or kind == "tsv") then
    return usage "--bom is for csv and tsv"
  end
  local within, problem = people.scope(opts)
  if not within then
    return nil, problem
  end
  local usable, mistake = people.check_output(opts)
  if not usable then
    return nil, mistake
  end
  local sink, unusable = target(ctx, kind)
  if not sink then
    return nil, unusable
  end
  -- Whatever fails, no part of a file is left behind.
  local closing <close> = setmetatable({}, { __close = function() sink:close() end }) -- luacheck: ignore
  local count = 0
  local ok, err = with_client(ctx, "Reading", function(client)
    local write_failed, read_failed
    local skip, failed = left_out(ctx, client, "user")
    if not skip then
      return nil, failed
    end
    local function persons()
      local next_owner = client.users:each { showArchived = opts.archived or nil }
      return function()
        local owner, cause
        repeat
          owner, cause = next_owner()
        until not owner or not owners.is_among(skip, owner)
        if owner == nil or ctx:signal() then
          return nil
        elseif not owner then
          read_failed = cause
          return nil
        end
        local person = format.from_user(owner)
        local kept = {}
        for _, info in ipairs(person.contact_infos) do
          if within(info) then
            kept[#kept + 1] = info
          end
        end
        person.contact_infos = kept
        count = count + 1
        return person
      end
    end
    local source = persons()
    if kind == "csv" or kind == "tsv" then
      local all = {}
      for person in source do
        all[#all + 1] = person
      end
      source = all
    end
    if not read_failed then
      local written, cause = format.write(source, function(text)
        if ctx:signal() then
          return nil, "stopped" -- drive() says by what
        end
        local done, message = sink:write(text)
        if not done then
          write_failed = not_written(message)
        end
        return done, message
      end, { format = kind, bom = opts.bom })
      if not written then
        return nil, write_failed or cause
      end
    end
    return not (read_failed or write_failed), read_failed or write_failed
  end)
  if not ok then
    return nil, err
  end
  local message
  ok, message = sink:commit()
  if not ok then
    return nil, not_written(message)
  end
  ctx.ui:say("exported %d user%s%s", count, count == 1 and "" or "s", opts.output and " to " .. opts.output or "")
  return 0
end

return M
