// Every bound on what comes from outside, in one place. A size is compared with its limit before anything in proportion
// to it is allocated. Option fields may lower them; the ones marked ^ may be raised.
#pragma once

#include <cstdint>

namespace llava::core::limits {

// Files
inline constexpr int64_t kSafetensorsHeaderBytes = 100'000'000;  // the reference reader's own limit
inline constexpr int64_t kTensors = 1'000'000;
inline constexpr int64_t kTensorRank = 8;
inline constexpr int64_t kTensorNameBytes = 4096;
inline constexpr int64_t kShards = 1024;
inline constexpr int64_t kIndexJsonBytes = 64 << 20;
inline constexpr int64_t kZipEntries = 1'000'000;
inline constexpr int64_t kPickleBytes = 64 << 20;
inline constexpr int64_t kPickleOpcodes = 16 << 20;
inline constexpr int64_t kPickleStack = 65536;         // values, and marks
inline constexpr int64_t kPickleContainers = 4 << 20;  // tuples, lists, dicts; a tensor takes five
inline constexpr int64_t kPickleNameBytes = 256;       // a line of GLOBAL, the key of a storage
inline constexpr int64_t kExpandedBytes = 16 << 20;    // on top of the file's size, for tensors that are not contiguous
inline constexpr int64_t kConfigJsonBytes = 1 << 20;
inline constexpr int64_t kTokenizerConfigBytes = 8 << 20;
inline constexpr int64_t kJsonDepth = 64;
inline constexpr int64_t kJsonStringBytes = 16 << 20;
inline constexpr int64_t kJsonNumberBytes = 1024;
inline constexpr int64_t kTokenizerModelBytes = 16 << 20;
inline constexpr int64_t kTokenizerPieceBytes = 512;  // the trie builder recurses, 145 bytes of stack a byte
inline constexpr int64_t kTokenizerPieces = 1 << 20;
inline constexpr int64_t kTokenizerJsonBytes = 48 << 20;  // Gemma 3's has 33.4 MB
inline constexpr int64_t kTokenizerMerges = 1 << 21;
inline constexpr int64_t kTokenizerTokenBytes = 2048;  // in a tokenizer.json, where 128 blanks are one token
inline constexpr int64_t kAddedTokens = 65536;         // in a tokenizer.json; Gemma has 6000
inline constexpr int64_t kAddedTokensBytes = 2 << 20;  // of all of them, normalized
inline constexpr int64_t kTokenizerSteps = 64;         // of a normalizer, a pre-tokenizer or a decoder
inline constexpr int64_t kPatternBytes = 4096;
inline constexpr int64_t kPatternStepsPerByte = 128;
inline constexpr int64_t kNormalizerMapBytes = 4 << 20;
inline constexpr int64_t kPathBytes = 4096;

// Training data
inline constexpr int64_t kDataRecords = int64_t{1} << 28;
inline constexpr int64_t kDataRecordBytes = 16 << 20;
inline constexpr int64_t kDataTurns = 1 << 16;

// Dimensions in config.json
inline constexpr int64_t kLayers = 512;
inline constexpr int64_t kHeads = 512;
inline constexpr int64_t kWidth = 65536;
inline constexpr int64_t kVocabulary = 1 << 22;
inline constexpr int64_t kContext = 1 << 20;
inline constexpr int64_t kVisionImageSize = 4096;
inline constexpr int64_t kGrids = 256;               // of tiles; (1x1) … (6x6) are 36
inline constexpr int64_t kTiles = 64;                // in one grid
inline constexpr int64_t kGridTextBytes = 16 << 10;  // grids written as a text

// Pictures
inline constexpr int64_t kPictureBytes = 64 << 20;   // ^
inline constexpr int64_t kPicturePixels = 64 << 20;  // ^ Pillow warns at 89 M
inline constexpr int64_t kPictureSide = 65535;       // JPEG: 65500, libjpeg's own
inline constexpr int64_t kJpegScans = 500;
inline constexpr int64_t kPngChunkBytes = 8 << 20;
inline constexpr int64_t kPngAncillaryBytes = 32 << 20;
inline constexpr int64_t kExifBytes = 64 << 10;
inline constexpr int64_t kExifEntries = 256;
inline constexpr int64_t kImagesPerMessage = 64;  // ^

// Text
inline constexpr int64_t kTextPartBytes = 1 << 20;  // ^ 1 MiB takes about a second to tokenise
inline constexpr int64_t kPartsPerMessage = 1024;
inline constexpr int64_t kStopStrings = 64;
inline constexpr int64_t kStopStringBytes = 256;
inline constexpr int64_t kTopLogprobs = 256;
inline constexpr int64_t kErrorTextBytes = 1024;

}  // namespace llava::core::limits
