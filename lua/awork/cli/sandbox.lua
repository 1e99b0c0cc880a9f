--- The command `sandbox`: a server that behaves like awork, for trying things out.
local errors = require "awork.error"
local output = require "awork.cli.output"
local people = require "awork.cli.people"

local M = {}

local function failure(code, description, hint)
  return nil, errors.new { kind = "cli", code = code, description = description, hint = hint, retryable = false }
end

-- The users that a file names: with the address that finds them, and nothing else.
local function users_of(ctx, path)
  local reader, err = people.open(ctx, path)
  if not reader then
    return nil, err
  end
  local users = {}
  for person, failed in reader do
    if person then
      local id, address = nil, nil
      if person.user and person.user:find("@", 1, true) then
        address = person.user
      else
        id = person.user
      end
      users[#users + 1] = { id = id, firstName = person.firstName, lastName = person.lastName,
        contact_infos = { address and { type = "email", subType = "work", value = address } } }
    elseif failed.fatal then
      return nil, failed
    else
      ctx.ui:warn(failed.description)
    end
  end
  return users
end

--- `sandbox`: runs until a signal comes; exit code 0.
function M.sandbox(ctx)
  local opts, ui = ctx.opts, ctx.ui
  local found, sandbox = pcall(require, "awork.sandbox")
  if not found and not tostring(sandbox):find "^module 'awork%.sandbox[0-9A-Za-z_.]*' not found" then
    return failure("not-started", tostring(sandbox))
  elseif not found then
    return failure("no-sandbox", "the sandbox is not installed", "it is a rock of its own: awork-sandbox")
  end
  local users = opts.users
  if opts.people then
    local err
    users, err = users_of(ctx, opts.people)
    if not users then
      return nil, err
    end
  end
  local rate_limit
  if opts.no_limit then
    rate_limit = false
  end
  ctx:hold()
  local server <close>, message = sandbox.start { port = opts.port or 8080, users = users,
    contact_infos_per_user = opts.contact_infos, tls = opts.tls, rate_limit = rate_limit }
  if not server then
    return failure("not-started", tostring(message))
  end
  local variables = { { "AWORK_BASE_URL", server.url }, { "AWORK_TOKEN", server.token },
    { "AWORK_USER_ID", server.user_ids[1] }, { "AWORK_CA_FILE", server.ca_file } }
  if ui.json then
    local fields = {}
    for i, variable in ipairs(variables) do
      fields[i] = { variable[1], variable[2] and output.json(variable[2]) }
    end
    ui:out(output.object(fields) .. "\n")
  else
    for _, variable in ipairs(variables) do
      if variable[2] then
        ui:out(("export %s=%s\n"):format(variable[1], variable[2]))
      end
    end
  end
  ui:flush()
  ui:say "A sandbox of awork is running. Export these in another shell; Ctrl-C ends it."
  ctx:wait()
  return 0
end

return M
