--- Random states for the specs of the desired-state half: people as awork might have them, what somebody might want of
-- them, and a server in memory that does what a plan says. Everything comes from one seed.
local normalise = require "awork.desired.normalise"
local core = require "awork.core"

local M = {}

--- How many of `n` random cases a run goes through: under a sanitizer each costs many times as much (tools/specs.sh).
-- @return integer, and whether that is all of them
function M.effort(n)
  local part = tonumber(os.getenv "AWORK_EFFORT") or 1
  return math.ceil(n * part), part >= 1
end

--- A source of random choices of its own (math.random is the host's).
function M.random(seed)
  local state = (seed * 2654435761 + 1) % 4294967296
  local self = {}
  function self.int(n)
    state = (state * 1664525 + 1013904223) % 4294967296
    return (state >> 8) % n + 1
  end
  function self.chance(percent)
    return self.int(100) <= percent
  end
  function self.pick(list)
    return list[self.int(#list)]
  end
  return self
end

local PHONES = { "+49 30 123", "0049 30 123", "+4930123", "030/123", "+49 30 124", "+49 (0)30 124", "+1 212 555 0100" }
local MAILS = { "a@example.org", "A@example.org", "a@EXAMPLE.org", "b@example.org", "c@example.com", "d@example.net" }
local URLS = { "https://example.org/", "HTTPS://EXAMPLE.org", "https://example.org/a", "www.example.com" }
local STREETS = { "Torstr. 1", "Torstr.  1", "Hauptstr. 2" }

local SUBTYPES = {
  phone = { "work", "mobile", "home" }, email = { "work", "private" }, urls = { "work", "private" },
  address = { "work", "home" }, messenger = { "skype" }, social = { "xing" },
}
local TYPES = { "phone", "phone", "phone", "email", "email", "email", "urls", "address", "messenger", "custom" }

--- A contact info's form.
function M.form(r)
  local kind = r.pick(TYPES)
  local form = { type = kind }
  if kind == "custom" then
    form.label, form.value = r.pick { "Desk", "Badge" }, r.pick { "1", "2" }
    return form
  end
  if r.chance(85) then
    form.subType = r.pick(SUBTYPES[kind])
  end
  if kind == "address" then
    form.isAddress = true
    form.addressLine1, form.zipCode, form.city, form.country = r.pick(STREETS), "10119", "Berlin", "DE"
    form.addressLine2 = r.chance(50) and r.pick { "Hof A", "Hof B" } or nil
  else
    form.value = r.pick(kind == "phone" and PHONES or kind == "email" and MAILS or kind == "urls" and URLS
      or { "anna", "anna.b", "https://example.org/anna" })
  end
  return form
end

local serial = 0

--- A fresh GUID.
function M.guid(r)
  serial = serial + 1
  return ("%08x-%04x-4%03x-8000-%012x"):format(r.int(1 << 24), r.int(1 << 15), r.int(1 << 11), serial)
end

--- A server in memory: { users = { … } } with create, update, delete as the API has them.
function M.server(r)
  local server = { users = {}, clock = 0, writes = 0 }
  local function now()
    server.clock = server.clock + 1
    return ("2026-01-01T%02d:%02d:%02d.0000000Z"):format(server.clock // 3600 % 24, server.clock // 60 % 60,
      server.clock % 60)
  end

  function server.user(id)
    for _, user in ipairs(server.users) do
      if user.id == id then
        return user
      end
    end
  end

  local function find(user, id)
    for i, info in ipairs(user.userContactInfos) do
      if info.id == id then
        return i, info
      end
    end
    error("no such contact info: " .. tostring(id))
  end

  function server.create(user_id, form)
    local info = { id = M.guid(r), createdOn = now(), isAddress = false }
    info.updatedOn = info.createdOn
    for _, field in ipairs(normalise.FIELDS) do
      if form[field] ~= nil then
        info[field] = form[field]
      end
    end
    table.insert(server.user(user_id).userContactInfos, info)
    server.writes = server.writes + 1
    return info
  end

  function server.update(user_id, id, form)
    local user = server.user(user_id)
    local i, old = find(user, id)
    local info = { id = id, createdOn = old.createdOn, updatedOn = now(), isAddress = false }
    for _, field in ipairs(normalise.FIELDS) do
      if form[field] ~= nil then
        info[field] = form[field]
      end
    end
    user.userContactInfos[i] = info
    server.writes = server.writes + 1
    return info
  end

  function server.delete(user_id, id)
    local user = server.user(user_id)
    table.remove(user.userContactInfos, (find(user, id)))
    server.writes = server.writes + 1
  end

  --- Does what a plan says, in its order.
  function server.apply(plan)
    for _, change in ipairs(plan.changes) do
      if change.op == "create" then
        assert(core.validate(change.form, "user"))
        server.create(change.owner_id, change.form)
      elseif change.op == "update" then
        assert(core.validate(change.form, "user", nil, change.before))
        server.update(change.owner_id, change.id, change.form)
      else
        server.delete(change.owner_id, change.id)
      end
    end
  end

  return server
end

-- Now and then something that the web interface or an import left behind.
local function odd(r, info)
  local what = r.int(6)
  if what == 1 then
    info.type, info.subType = "Telefon", nil
  elseif what == 2 then
    info.value = nil
  elseif what == 3 then
    info.type, info.subType = nil, nil
  elseif what == 4 then
    info.isAddress = nil
  elseif what == 5 then
    info.createdOn = nil
  else
    info.country = info.country and "de" or nil
  end
end

--- Fills a server with `count` users.
function M.populate(r, server, count)
  for _ = 1, count do
    local user = { id = M.guid(r), firstName = r.pick { "Anna", "Ben" }, lastName = r.pick { "Berg", "Tal" },
      userContactInfos = {} }
    if r.chance(10) then
      user[r.pick { "isArchived", "isDeactivated", "isExternal" }] = true
    end
    if r.chance(20) then
      user.email = r.pick(MAILS)
    end
    table.insert(server.users, user)
    for _ = 1, r.int(6) - 1 do
      local info = server.create(user.id, M.form(r))
      if r.chance(8) then
        odd(r, info)
      end
    end
  end
  server.writes = 0
end

--- What somebody might want of some of a server's users; `faults` adds what can't be.
function M.desired(r, server, faults)
  local list = {}
  for _ = 1, r.int(#server.users + 1) - 1 do
    local user = r.pick(server.users)
    local entry = { contact_infos = {} }
    entry.user = r.chance(70) and user.id or r.pick(MAILS)
    for _ = 1, r.int(5) - 1 do
      local existing = #user.userContactInfos > 0 and r.pick(user.userContactInfos)
      local info = M.form(r)
      if existing and r.chance(40) then
        -- What is there, said again or said a little differently.
        info = {}
        for _, field in ipairs(normalise.FIELDS) do
          info[field] = existing[field]
        end
        if info.isAddress == false then
          info.isAddress = nil
        end
        if r.chance(30) then
          info.subType = nil
        end
        if r.chance(30) then
          info.id = existing.id
          if r.chance(50) then
            info = { id = existing.id, value = M.form(r).value }
          end
        end
      end
      if info.type == "address" and r.chance(30) then
        info.state = r.pick { "Berlin", core.null }
      end
      if r.chance(8) then
        info.absent = true
      end
      if r.chance(10) then
        info.replace = true
      end
      if faults and r.chance(8) then
        info[r.pick { "type", "subType", "country", "zip" }] = r.pick { "nonsense", 7 }
      end
      entry.contact_infos[#entry.contact_infos + 1] = info
    end
    list[#list + 1] = entry
  end
  if faults and r.chance(10) then
    list[#list + 1] = r.pick { { user = "nobody@example.org", contact_infos = {} }, { user = 7 }, { user = "x" }, 7 }
  end
  return list
end

--- Options as somebody might give them.
function M.options(r)
  local opts = { default_country = r.chance(70) and "DE" or nil, prune = r.chance(50), replace = r.chance(30) or nil,
    delete_limit = false }
  if r.chance(40) then
    opts.only = r.pick { { "phone" }, { "phone", "email" }, { "email/private" }, { "address", "urls/work" } }
  end
  if r.chance(20) then
    opts.touch = { r.pick { "archived", "external", "login" } }
  end
  return opts
end

return M
