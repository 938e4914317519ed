"""Settings: where they come from, which wins, and that a secret is neither lost nor shown."""
import pytest

from warehouse.settings import Settings, SettingsError


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """A folder to stand in, and nothing of WEISU_ in the environment."""
    for name in ("WEISU_HOME", "WEISU_SECRET", "WEISU_DATABASE_URL", "WEISU_LANG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_anything_the_house_is_var_with_sqlite_in_chinese(bare):
    s = Settings()
    assert (s.home, s.lang, s.is_sqlite) == (bare / "var", "zh", True)
    assert s.url == f"sqlite:///{bare / 'var' / 'weisu.sqlite'}"
    assert s.inboxes == bare / "var" / "inbox"
    assert not (bare / "var").exists()                       # reading settings writes nothing


def test_the_environment_wins_over_the_folder_and_that_over_home(bare, monkeypatch):
    home = bare / "elsewhere"
    home.mkdir()
    (home / "weisu.toml").write_text("lang = 'en'\nseries_days = 30\nsentinel_days = 3\n")
    (bare / "weisu.toml").write_text(f"home = '{home}'\nseries_days = 60\n")
    monkeypatch.setenv("WEISU_SENTINEL_DAYS", "5")
    s = Settings()
    assert (s.home, s.lang, s.series_days, s.sentinel_days) == (home, "en", 60, 5)


@pytest.mark.parametrize("text, says", [("series_dayz = 3", "series_dayz"), ("lang = 'fr'", "lang"), ("lang = ", "not valid TOML")])
def test_a_setting_that_cannot_be_is_named(bare, text, says):
    (bare / "weisu.toml").write_text(text)
    with pytest.raises(SettingsError, match=says):
        Settings()


def test_a_wrong_setting_is_named_without_its_value(bare):
    with pytest.raises(SettingsError) as error:
        Settings(series_days="hunter2")
    assert "hunter2" not in str(error.value)


def test_a_generated_secret_is_kept_private_and_said_once(bare):
    first = Settings()
    key = first.key
    assert first.secret_was_generated and len(key) >= 32
    assert (first.home / "secret").stat().st_mode & 0o777 == 0o600
    second = Settings()
    assert second.key == key and not second.secret_was_generated


def test_an_emptied_secret_is_refused_rather_than_used(bare):
    s = Settings()
    s.home.mkdir()
    (s.home / "secret").write_text("\n")
    with pytest.raises(SettingsError, match="empty"):
        _ = s.key


def test_passwords_and_secrets_do_not_show(bare):
    s = Settings(secret="hush-hush", database_url="postgresql://me:pass-word@db/weisu")
    assert s.key == b"hush-hush" and not s.secret_was_generated
    for shown in (repr(s), str(s), s.shown_url):
        assert "hush-hush" not in shown and "pass-word" not in shown
    assert s.url.startswith("postgresql+psycopg://me:pass-word@")
