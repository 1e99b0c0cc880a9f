--- awork: create and validate contact infos of awork.com.
--
--     local awork = require "awork"
--     local client = assert(awork.client { token = os.getenv "AWORK_TOKEN" })
--     local info, err = client.contact_infos:create(user_id, { type = "phone", subType = "work", value = "+49 30 1" })
--
-- One contract for errors: a bug in the calling program (an argument of the wrong type, a closed client) raises; what
-- the world can cause is `nil, err`, `err` being a table with a helpful `tostring` (see lua/awork/error.lua).
local client = require "awork.client"
local core = require "awork.core"
local errors = require "awork.error"
local filter = require "awork.filter"
local oauth = require "awork.oauth"

-- A function of desired state, which is loaded when it is first called.
local function desired(name)
  return function(...)
    return require "awork.desired"[name](...)
  end
end

return {
  _VERSION = core.version.awork,
  version = core.version,

  client = client.new,
  oauth = oauth.new,
  filter = filter,

  load_plan = desired "load_plan",
  undo_plan = desired "undo_plan",
  undo = desired "undo_with",

  validate = core.validate,
  contact_info = core.contact_info,
  types = core.types,
  fields = core.fields,
  countries = core.countries,
  country_code = core.country_code,
  rules = core.rules,
  error_codes = core.error_codes,

  is_error = errors.is,
  null = core.null,
}
