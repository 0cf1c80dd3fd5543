"""The budgets: how much of what comes from outside is taken before it is refused, in one place.

Every door checks its budget before it does the work or takes the memory. docs/robustness.md prints these numbers, and
says which of them a person can raise on the command line.
"""

MIB = 2**20

# Images. 50 megapixels hold 8K (33 megapixels) and the largest frames of any game. Overridable: --max-megapixels,
# max_megapixels in a plan.
IMAGE_PIXELS = 50_000_000
UPSCALED_PIXELS = 8 * IMAGE_PIXELS  # of an output: 50 megapixels, nearly tripled per side
MOST_MEGAPIXELS = 10_000  # to which the limit can be raised: 100,000 x 100,000, beyond any format's use
IMAGE_SIDE = 65_535  # the longest that a JPEG has; a decoder takes memory for every row, however short
FILE_BYTES_PER_PIXEL = 5  # An image file may have this many bytes per pixel of the limit: 250 MB at 50 megapixels.
JPEG_BITS_PER_PIXEL = 14  # Rendered frames have 3 to 12 at quality 100 without subsampling. 87.5 MB at 50 megapixels.
IMAGE_HEADER_BYTES = 4096  # of a PPM: its numbers and comments
IMAGE_FRAMES = 1000  # pages of a TIFF that are counted
JPEG_SCANS = 100  # Encoders write 10 or so; each costs a pass over all coefficients.
JPEG_SCANNED_SAMPLES = 50_000_000  # of a progressive one at IMAGE_PIXELS: 8K, colour subsampled; held beside it
JPEG_SCAN_PIXELS = 1_000_000_000  # scans times pixels: 20 scans at 50 megapixels
JPEG_2000_TILES = 10_000  # each takes 10 KB before anything is read
JPEG_2000_BLOCK_PIXELS = (
    128  # One code-block or precinct per so many pixels of the limit: blocks of 32 x 32, and a margin
)
TIFF_TILE_PIXELS = 2**24  # that a tile may have, however small its image
FIGURE_PIXELS = 200_000_000  # of a publication figure: a slide of 10 x 13 inches at 1200 dpi; held at 11 bytes each

# Bitstreams. Padding to whole hyper-latents may enlarge a small or narrow image, but not without end.
BITSTREAM_BYTES = 256 * MIB
PADDED_PIXELS_FACTOR = 2  # times the pixel limit
PADDED_PIXELS_FREE = 2**20  # that any image may be padded to

# Snapshots: the largest of CompressAI's codecs has N = 192, M = 320 and 100 MB.
SNAPSHOT_BYTES = 512 * MIB
SNAPSHOT_CHANNELS = 1024
SNAPSHOT_TENSORS = 10_000
SNAPSHOT_HEADER_BYTES = 4 * MIB
SNAPSHOT_CARD_BYTES = 64 * 1024
CHECKPOINT_BYTES = 2048 * MIB  # A training's checkpoint holds the weights and two moments of each.
CHECKPOINT_PICKLE_BYTES = MIB  # of it without the tensors' values: some 100 bytes a tensor

# Plans
PLAN_BYTES = MIB
PLAN_NESTING = 32  # brackets within brackets, and dots in a key
PLAN_NUMBER_DIGITS = 40
PLAN_TABLES = 10_000
PATTERN_CHARACTERS = 1000  # of one entry in `variants`
PLAN_TASKS = 200_000  # images times variants of a run: two thirds of the lines that its journal may have
VARIANTS = 10_000  # that the patterns of a plan stand for, and each of them

# Results, journals, cards and states
RESULTS_BYTES = 512 * MIB
RESULTS_ROWS = 1_100_000  # lines of a table of our own
JSON_BYTES = 64 * MIB
JSON_VALUES = 500_000  # commas and brackets: values in memory take far more than their text
FOREIGN_TABLE_BYTES = 8 * MIB  # of the thesis's table and of lists of points: all formats but our own
FOREIGN_TABLE_LINES = 50_000
PASTED_CHARACTERS = MIB  # of a curve that is pasted as text
CARD_BYTES = MIB  # of a data set, a run's state, a run's record
JOURNAL_BYTES = 512 * MIB
JOURNAL_LINES = 300_000
JOURNAL_LINE_BYTES = MIB
JOURNAL_OTHER_VALUES = 5_000_000  # in lines that this version does not write: commas, brackets, and 32 bytes each
BOOTSTRAP = 10_000  # resamplings
TRAINING_BATCH = 65_536
THREADS = 4096

# Uploads to the app. The server has one limit for all (.streamlit/config.toml); a million rows of results are 300 MB,
# the thesis's FSR samples a zip of 180 MB.
UPLOAD_BYTES = 400 * MIB
IMAGE_UPLOAD_BYTES = 64 * MIB

# Zip files. An image hardly compresses; a member that grows more than a hundredfold, or an archive more than
# twentyfold, is a bomb.
ZIP_MEMBERS = 200_000
ZIP_DIRECTORY_BYTES = 32 * MIB  # the list of members at its end
ZIP_MEMBER_BYTES = 512 * MIB
ZIP_MEMBER_RATIO = 100
ZIP_TOTAL_RATIO = 20
ZIP_FREE_BYTES = 16 * MIB  # below which no ratio is judged: flat test images are tiny
ZIP_TOTAL_BYTES = 256 * 1024 * MIB
PATH_BYTES = 255  # of one name in a path
PATH_DEPTH = 32

# Downloads. The largest file of a data set that can be fetched by name is CLIC's of 7 GB; a model is a checkpoint.
# Overridable: --max-gigabytes.
DOWNLOAD_BYTES = 16 * 1024 * MIB
DOWNLOAD_BYTES_A_MINUTE = 60_000  # at least; a telephone modem sends seven times as many

# Folders that are searched with all that lies below them. A disk has millions of files.
FOLDERS = 100_000  # in search of images; Vimeo-90k has 91,701
SAMPLE_FOLDERS = 1000  # in search of FSR samples, which lie in one


def are_megapixels(megapixels: float) -> bool:
    """Whether a limit may be so many megapixels: above 0 and at most MOST_MEGAPIXELS."""
    return 0 < megapixels <= MOST_MEGAPIXELS


def megapixels_form() -> str:
    """What :func:`are_megapixels` takes, for people."""
    return f"a number above 0 and at most {MOST_MEGAPIXELS:,}"


def pixels_of(megapixels: float) -> int:
    """The limit in pixels that so many megapixels are, at least one.

    >>> pixels_of(50), pixels_of(1.001), pixels_of(1e-9)
    (50000000, 1001000, 1)
    """
    return max(1, round(megapixels * 1e6))


def longest_side(max_pixels: int) -> int:
    """The longest side of an image at a limit on pixels: raised with it.

    >>> longest_side(IMAGE_PIXELS), longest_side(2 * IMAGE_PIXELS), longest_side(1000)
    (65535, 131070, 65535)
    """
    return IMAGE_SIDE * max(IMAGE_PIXELS, max_pixels) // IMAGE_PIXELS
