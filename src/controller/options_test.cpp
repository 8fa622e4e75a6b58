#include "controller/options.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "controller/config_file.h"

namespace engineroom::controller {
namespace {

using std::chrono::milliseconds;

class OptionsTest : public ::testing::Test {
 protected:
  OptionsTest() {
    for (const char* name : {"IPYTHONDIR", "IPP_PROFILE_DIR", "IPP_CLUSTER_ID", "IPP_SESSION_KEY",
                             "IPP_ENABLE_CURVE", "IPP_CURVE_SECRETKEY", "IPP_CURVE_PUBLICKEY"}) {
      ::unsetenv(name);
    }
    folder_ =
        std::filesystem::temp_directory_path() / ("options_test_" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
  }
  ~OptionsTest() override { std::filesystem::remove_all(folder_); }

  Options read(std::vector<std::string> arguments) {
    arguments.push_back("--profile-dir=" + folder_.string());
    auto line = read_command_line(arguments);
    EXPECT_TRUE(line.ok());
    return line.ok() ? line.take().options : Options();
  }

  std::filesystem::path folder_;
};

TEST_F(OptionsTest, FlagsAndTraitsMeanTheSame) {
  EXPECT_EQ(read({"--ping=250"}).ping_period, milliseconds(250));
  EXPECT_EQ(read({"--ping", "250"}).ping_period, milliseconds(250));
  EXPECT_EQ(read({"--HeartMonitor.period=250"}).ping_period, milliseconds(250));
  EXPECT_EQ(read({"--TaskScheduler.scheme_name=lru"}).scheme, "lru");
  EXPECT_TRUE(read({"--IPController.reuse_files=True"}).reuse_files);
  EXPECT_TRUE(read({"--reuse"}).reuse_files);
  EXPECT_EQ(read({"--debug"}).log_level, "10");
}

TEST_F(OptionsTest, HwmAbsentIsNotZero) {
  EXPECT_FALSE(read({}).hwm);
  EXPECT_EQ(read({"--hwm=0"}).hwm, 0);
}

TEST_F(OptionsTest, DatabasesOfStockControllersAreUnderstood) {
  EXPECT_EQ(read({}).records, Records::kSqlite);
  EXPECT_EQ(read({"--dictdb"}).records, Records::kMemory);
  EXPECT_EQ(read({"--nodb"}).records, Records::kNone);
  EXPECT_EQ(read({"--sqlitedb"}).records, Records::kSqlite);
  EXPECT_EQ(read({"--IPController.db_class=ipyparallel.controller.dictdb.NoDB"}).records,
            Records::kNone);
  EXPECT_EQ(read({"--SQLiteDB.filename=mine.db"}).database_file, "mine.db");
  const Options mongo = read({"--mongodb"});
  EXPECT_EQ(mongo.records, Records::kSqlite);
  EXPECT_EQ(mongo.remarks[0], "no MongoDB: records are kept in a SQLite file");
}

TEST_F(OptionsTest, PostgresIsChosenByItsAddress) {
  const Options options = read({"--postgres=postgresql:///records", "--postgres-schema=mine"});
  EXPECT_EQ(options.records, Records::kPostgres);
  EXPECT_TRUE(options.are_records_chosen);
  EXPECT_EQ(options.postgres_url, "postgresql:///records");
  EXPECT_EQ(options.postgres_schema, "mine");
  EXPECT_EQ(read({"--PostgresDB.url=host=db"}).postgres_url, "host=db");
  // Where it is, libpq's own variables may say.
  EXPECT_EQ(read({"--IPController.db_class=PostgresDB"}).records, Records::kPostgres);
}

TEST_F(OptionsTest, PortsAreListsAndRanges) {
  EXPECT_EQ(read({"--ports=7000-7002,7010"}).ports, (std::vector<int>{7000, 7001, 7002, 7010}));
  EXPECT_EQ(read({"--IPController.engine_ports=[7000, 7001]"}).engine_ports,
            (std::vector<int>{7000, 7001}));
}

TEST_F(OptionsTest, UnknownFlagsAreARemark) {
  const Options options = read({"--usethreads", "--Foo.bar=1", "word"});
  ASSERT_EQ(options.remarks.size(), 1u);
  EXPECT_EQ(options.remarks[0], "ignored: --usethreads --Foo.bar=1 word");
}

TEST_F(OptionsTest, BadValuesNameTheFlag) {
  for (const char* flag :
       {"--ping=0", "--ping=abc", "--hwm=-1", "--ports=5-x", "--transport=udp", "--ping=inf"}) {
    const auto line = read_command_line({flag});
    ASSERT_FALSE(line.ok()) << flag;
    EXPECT_EQ(line.status().message().find(flag), 0u) << line.status().message();
  }
}

TEST_F(OptionsTest, CommandLineBeatsConfigurationBeatsDefaults) {
  std::ofstream(folder_ / "ipcontroller_config.py")
      << "c = get_config()\n# c.HeartMonitor.period = 1\nc.HeartMonitor.period = 200  # ms\n"
         "c.TaskScheduler.scheme_name = 'lru'\nc.IPController.engine_ports = range(4)\n"
         "c.Something.else_ = 3\n";
  const Options options = read({"--scheme=twobin"});
  EXPECT_EQ(options.ping_period, milliseconds(200));
  EXPECT_EQ(options.scheme, "twobin");
  ASSERT_EQ(options.remarks.size(), 1u);
  EXPECT_NE(options.remarks[0].find("IPController.engine_ports (no plain value)"),
            std::string::npos);
  EXPECT_NE(options.remarks[0].find("Something.else_"), std::string::npos);
}

TEST_F(OptionsTest, ConfigurationThatOthersCanWriteIsNotRead) {
  const auto path = folder_ / "ipcontroller_config.py";
  std::ofstream(path) << "c.HeartMonitor.period = 200\n";
  std::filesystem::permissions(path, std::filesystem::perms::others_write,
                               std::filesystem::perm_options::add);
  EXPECT_EQ(read({}).ping_period, milliseconds(3000));
}

TEST_F(OptionsTest, LiteralsOfEveryKind) {
  const ConfigFile config = parse_config(
      "c.A.a = 1.5\nc.A.b = \"x # y\"\nc.A.c=True\nc.A.d = None\nc.A.e = 'it\\'s'\nc.A.f = -3\r\nx "
      "= 1");
  ASSERT_EQ(config.values.size(), 4u);
  EXPECT_EQ(config.values[1].second, "x # y");
  EXPECT_EQ(config.values[3].second, "-3");
  EXPECT_EQ(config.ignored.size(), 2u);
}

TEST_F(OptionsTest, EnvironmentIsRead) {
  ::setenv("IPP_CLUSTER_ID", "abc", 1);
  ::setenv("IPP_ENABLE_CURVE", "1", 1);
  const Options options = read({});
  EXPECT_EQ(options.cluster_id, "abc");
  EXPECT_TRUE(options.enable_curve);
  EXPECT_EQ(read({"--cluster-id="}).cluster_id, "");
  ::unsetenv("IPP_CLUSTER_ID");
  ::unsetenv("IPP_ENABLE_CURVE");
}

TEST_F(OptionsTest, ProfileFolder) {
  Options options;
  options.ipython_dir = "/i";
  EXPECT_EQ(resolve_profile_dir(options), "/i/profile_default");
  options.profile = "work";
  EXPECT_EQ(resolve_profile_dir(options), "/i/profile_work");
  options.profile_dir = "/p";
  EXPECT_EQ(resolve_profile_dir(options), "/p");
}

TEST_F(OptionsTest, HelpAndVersionInsteadOfRunning) {
  EXPECT_EQ(read_command_line({"-h"}).value().instead, Instead::kHelp);
  EXPECT_EQ(read_command_line({"--help-all"}).value().instead, Instead::kHelp);
  EXPECT_EQ(read_command_line({"--version"}).value().instead, Instead::kVersion);
  EXPECT_NE(help_text().find("--ping=MS"), std::string::npos);
}

}  // namespace
}  // namespace engineroom::controller
