-- Plans take linear time: in the length of a text, in the number of one person's contact infos, in that of entries.
local normalise = require "awork.desired.normalise"
local plans = require "awork.desired.plan"
local reconcile = require "awork.desired.reconcile"

-- How many instructions of Lua a function takes, in thousands.
local function work(fn)
  local count = 0
  debug.sethook(function()
    count = count + 1
  end, "", 1000)
  local ok, err = pcall(fn)
  debug.sethook()
  assert(ok, err)
  return count
end

-- The CPU seconds that a function takes with a text.
local function cpu(fn, text)
  local at = os.clock()
  fn(text)
  return math.max(os.clock() - at, 0.0005)
end

local SHAPES = {
  spaces = " ", dots = ".", commas = ",", digits = "1", hashes = "#1", slashes = "/ 0", at = "@", quotes = '"',
  ["no-break spaces"] = "\u{A0}", ["combining marks"] = "a\u{301}", capitals = "Ä", labels = "xn--a.",
  words = "ext ", semicolons = ";ext=", plus = "+", ["wide digits"] = "\u{FF11}", ["no UTF-8"] = "\xC3",
}

local FUNCTIONS = {
  phone = normalise.phone, email = normalise.email, url = normalise.url, numbering = normalise.numbering,
  phone_in_a_country = function(value)
    return normalise.phone(value, normalise.numbering "DE")
  end,
  address = function(value)
    return normalise.value_key { type = "address", addressLine1 = value, country = value }
  end,
  same_field = function(value)
    return normalise.same_field("value", value .. "a", value .. "b", "phone")
  end,
  entry = function(value)
    return plans.compute({}, { { user = value, contact_infos = {} } })
  end,
  info = function(value)
    local infos = {}
    for i, kind in ipairs { "phone", "email" } do
      infos[i] = { id = ("%08x-1111-4111-8111-111111111111"):format(i), type = kind, subType = "other", value = value }
    end
    return plans.compute({ { id = "99999999-1111-4111-8111-111111111111", userContactInfos = infos } },
      { { user = "99999999-1111-4111-8111-111111111111", contact_infos = infos } }, { prune = true })
  end,
}

-- Those that go through a text many times get a quarter of it.
local SLOW = { same_field = true, entry = true, info = true }

describe("a hostile text of a MiB", function()
  for name, fn in pairs(FUNCTIONS) do
    it("takes at most a few times what a sixteenth takes, sixteen times: " .. name, function()
      for shape, piece in pairs(SHAPES) do
        local size = SLOW[name] and 1 << 18 or 1 << 20
        local small, large = piece:rep((size >> 4) // #piece) .. "x", piece:rep(size // #piece) .. "x"
        local least = math.huge
        for _ = 1, 3 do
          least = math.min(least, cpu(fn, large) / cpu(fn, small))
          if least < 100 then
            break
          end
        end
        -- Quadratic time would be 256.
        assert.is_true(least < 100, ("%s: %.0f"):format(shape, least))
      end
    end)
  end
end)

local ID = "11111111-1111-4111-8111-111111111111"

local function guid(i)
  return ("%08x-2222-4222-8222-222222222222"):format(i)
end

local function info(i, more)
  local form = { id = guid(i), type = "phone", subType = "work", value = "+49 30 " .. 100000 + i,
    createdOn = "2026-01-01T00:00:00Z" }
  for name, value in pairs(more or {}) do
    form[name] = value
  end
  return form
end

local function without_id(form)
  form.id, form.createdOn = nil, nil
  return form
end

-- What one person has and should have, of a size: existing, desired, options.
local CASES = {
  ["nothing to do"] = function(i) return info(i), without_id(info(i)) end,
  ["nothing to do, by id"] = function(i) return info(i), info(i, { createdOn = false }) end,
  ["all are new"] = function(i) return nil, without_id(info(i)) end,
  ["all are to go, and others come"] = function(i) return info(i), without_id(info(-i)) end,
  ["all are changed"] = function(i) return info(i), without_id(info(i, { subType = "home" })) end,
  ["all are the same"] = function(i) return info(i, { value = "1" }), without_id(info(i, { value = "1" })) end,
  ["all are desired twice, with and without a subtype"] = function(i)
    return info(i), without_id(info(i // 2, { subType = i % 2 == 0 and "work" or false }))
  end,
  ["each has a subtype of its own"] = function(i)
    local form = { type = "custom", label = "x", value = "1", subType = "s" .. i }
    return info(i, form), without_id(info(i, form))
  end,
  ["all are absent, by a subtype of their own"] = function(i)
    local form = { type = "custom", label = "x", value = "1", subType = "s" .. i }
    return info(i, form), { type = "custom", label = "x", value = "1", subType = "s" .. -i, absent = true }
  end,
  ["all are absent by id, and by key"] = function(i)
    if i % 2 == 0 then
      return info(i, { value = "1" }), { id = guid(i), absent = true }
    end
    return info(i, { value = "1" }), { type = "phone", subType = "work", value = "1", absent = true }
  end,
  ["all are addresses to log in with"] = function(i)
    local form = { type = "email", value = ("u%d@x.example"):format(i) }
    return info(i, form), without_id(info(i, form))
  end,
  ["all spell one address"] = function(i)
    local name = ("abcdefghijkl"):gsub("()(%l)", function(at, letter)
      return i >> at - 1 & 1 == 1 and letter:upper() or letter
    end)
    return info(i, { type = "email", value = name .. "@x.example" }), nil
  end,
}

describe("a person with many contact infos", function()
  for name, case in pairs(CASES) do
    it("takes linear work: " .. name, function()
      local function of(count)
        local existing, desired = {}, {}
        for i = 1, count do
          local there, wanted = case(i)
          existing[#existing + 1], desired[#desired + 1] = there, wanted
        end
        for _, form in ipairs(desired) do
          form.createdOn = nil
          form.subType = form.subType or nil
        end
        return work(function()
          for _, opts in ipairs { {}, { prune = true }, { replace = true } } do
            plans.compute({ { id = ID, userContactInfos = existing } },
              { { user = ID, contact_infos = desired } }, opts)
          end
        end)
      end
      local small, large = of(250), of(2000)
      -- Eight times as many; quadratic work would be 64 times.
      assert.is_true(large < 16 * math.max(small, 20), ("%d and %d thousand instructions"):format(small, large))
    end)
  end

  it("is one that many entries may mean", function()
    local function of(count)
      local existing, desired = {}, {}
      for i = 1, count do
        existing[i] = info(i, { type = "email", value = "Anna@x.example" })
        desired[i] = { user = i % 2 == 0 and "anna@X.example" or "Anna@x.example",
          contact_infos = { without_id(info(i)) } }
      end
      return work(function()
        plans.compute({ { id = ID, userContactInfos = existing } }, desired)
      end)
    end
    local small, large = of(250), of(2000)
    assert.is_true(large < 16 * math.max(small, 20), ("%d and %d thousand instructions"):format(small, large))
  end)
end)

describe("a plan lets others run", function()
  -- The most instructions between two calls of `breathe`, in hundreds.
  local function longest(fn)
    local most, since = 0, 0
    debug.sethook(function()
      since = since + 1
      most = math.max(most, since)
    end, "", 100)
    local ok, err = pcall(fn, function()
      since = 0
    end)
    debug.sethook()
    assert(ok, err)
    return most
  end

  it("while it reads what is desired, is shown people, and ends", function()
    local function of(count)
      local desired, people = {}, {}
      for i = 1, count do
        people[i] = { id = guid(i), userContactInfos = { info(i) } }
        desired[i] = { user = i % 3 == 0 and "nobody@x.example" or guid(i), contact_infos = {
          { type = "phone", subType = "work", value = "+49 40 " .. i, replace = true } }, source = { row = i } }
      end
      return longest(function(breathe)
        local builder = plans.builder(desired, { prune = true }, breathe)
        for i = 1, count do
          builder:feed("user", people[i])
          breathe()
        end
        builder:doubtful("user", false)
        assert(#builder:finish().changes > 0)
      end)
    end
    local small, large = of(100), of(2000)
    assert.is_true(large <= 2 * small, ("%d and %d hundred instructions"):format(small, large))
  end)

  it("while it looks at one person with many contact infos", function()
    local function of(count)
      local existing, items = {}, {}
      for i = 1, count do
        existing[i], items[i] = info(i), { info = without_id(info(i % 2 == 0 and i or -i)) }
      end
      return longest(function(breathe)
        local context = { owner = "user", in_scope = function() return true end, guarded = {}, prune = true,
          breathe = breathe }
        reconcile.nothing_to_do(existing, items, context)
        assert(#reconcile.reconcile(existing, items, context).changes > 0)
      end)
    end
    local small, large = of(100), of(2000)
    assert.is_true(large <= 2 * small, ("%d and %d hundred instructions"):format(small, large))
  end)
end)
